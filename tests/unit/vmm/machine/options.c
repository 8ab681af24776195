/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line: QEMU's syntax, defaults, and refusals that name what is wrong. */
#include "vmm/machine/keyval.h"
#include "vmm/machine/options.h"

#include <string.h>

/* Parses "a b c" cut at spaces; '~' stands for a space inside a word. */
static TnOptions *
parse(const char *line, GError **error)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    g_ptr_array_add(argv, (char *)"tenon-vmm");
    for (char **word = words; *word && **word; word++) {
        g_strdelimit(*word, "~", ' ');
        g_ptr_array_add(argv, *word);
    }
    return tn_options_parse((int)argv->len, (char *const *)argv->pdata, error);
}

static TnOptions *
accept(const char *line)
{
    g_autoptr(GError) error = NULL;
    TnOptions *options = parse(line, &error);

    g_assert_no_error(error);
    return options;
}

static void
refuse(const char *line, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TnOptions) options = parse(line, &error);

    g_assert_null(options);
    g_assert_cmpstr(error->message, ==, message);
}

static void
test_defaults(void)
{
    g_autoptr(TnOptions) o = accept("");

    g_assert_cmpstr(o->config->type, ==, "pc-i440fx-7.2");
    g_assert_cmpstr(o->config->cpu_model, ==, "host");
    g_assert_cmpuint(o->config->ram_size, ==, 128 << 20);
    g_assert_cmpuint(o->config->max_ram_size, ==, 128 << 20);
    g_assert_cmpuint(o->config->cpus, ==, 1);
    g_assert_true(o->config->mem_merge);
    g_assert_cmpuint(o->config->num_numa, ==, 0);
}

static void
test_memory(void)
{
    g_autoptr(TnOptions) o = accept("-m size=1048576k,slots=4,maxmem=4G");

    g_assert_cmpuint(o->config->ram_size, ==, 1ULL << 30);
    g_assert_cmpuint(o->config->max_ram_size, ==, 4ULL << 30);
    g_assert_cmpuint(o->config->ram_slots, ==, 4);
    /* Room to plug makes one NUMA node: the guest needs an SRAT for it. */
    g_assert_cmpuint(o->config->num_numa, ==, 1);
    g_assert_cmpuint(o->config->numa[0].size, ==, 1ULL << 30);
}

static void
test_memory_refused(void)
{
    refuse("-m 1x", "-m 1x: Parameter 'size' expects a size, not '1x'");
    refuse("-m 1G,maxmem=512M",
           "-m 1G,maxmem=512M: invalid value of maxmem: maximum memory size (0x20000000) must be "
           "at least the initial memory size (0x40000000)");
    refuse("-m 1G,slots=2",
           "-m 1G,slots=2: invalid -m: slots were specified but maxmem leaves no room for them");
    refuse("-m 1G,slots=257,maxmem=2G",
           "-m 1G,slots=257,maxmem=2G: Parameter 'slots' expects a number in the range 0..256, "
           "not '257'");
    refuse("-m 1G,colour=red", "-m 1G,colour=red: Invalid parameter 'colour'");
}

static void
test_smp(void)
{
    g_autoptr(TnOptions) plain = accept("-smp 4");
    g_autoptr(TnOptions) full = accept("-smp 4,maxcpus=8,sockets=2,cores=2,threads=2");

    g_assert_cmpuint(plain->config->cpus, ==, 4);
    g_assert_cmpuint(plain->config->sockets, ==, 1);
    g_assert_cmpuint(plain->config->cores, ==, 4);
    g_assert_cmpuint(full->config->max_cpus, ==, 8);
    refuse("-smp 3,sockets=2,cores=2,threads=1,maxcpus=5",
           "-smp 3,sockets=2,cores=2,threads=1,maxcpus=5: Invalid CPU topology: product of the "
           "hierarchy must match maxcpus: sockets (2) * dies (1) * cores (2) * threads (1) != "
           "maxcpus (5)");
    refuse("-smp 3,maxcpus=2",
           "-smp 3,maxcpus=2: Invalid CPU topology: maxcpus must be equal to or greater than smp: "
           "sockets (1) * dies (1) * cores (2) * threads (1) == maxcpus (2) < smp_cpus (3)");
    refuse("-smp 0", "-smp 0: Parameter 'cpus' expects a number in the range 1..255, not '0'");
}

static void
test_smp_dies(void)
{
    g_autoptr(TnOptions) o = accept("-smp 2,maxcpus=12,sockets=2,dies=2,cores=3");

    g_assert_cmpuint(o->config->dies, ==, 2);
    g_assert_cmpuint(o->config->cores, ==, 3);
    g_assert_cmpuint(o->config->threads, ==, 1);
}

static void
test_smp_apic_ids_end(void)
{
    g_autoptr(TnOptions) last = accept("-smp 1,sockets=85,cores=2,threads=1,maxcpus=170");

    g_assert_cmpuint(last->config->max_cpus, ==, 170);
    refuse("-smp 1,sockets=85,cores=3,threads=1,maxcpus=255",
           "-smp 1,sockets=85,cores=3,threads=1,maxcpus=255: Invalid CPU topology: the last CPU's "
           "APIC id (338) exceeds the limit of 254");
}

static void
test_numa(void)
{
    g_autoptr(TnOptions) o = accept(
        "-smp 4 -m 2G -numa node,nodeid=0,cpus=0-1,mem=1G -numa node,cpus=2,cpus=3,mem=1G");

    g_assert_cmpuint(o->config->num_numa, ==, 2);
    g_assert_cmpuint(o->config->numa[0].cpus[0], ==, 3);
    g_assert_cmpuint(o->config->numa[1].cpus[0], ==, 12);
    refuse("-m 1G -numa node,memdev=m -numa node,mem=1G",
           "numa configuration should use either mem= or memdev=, mixing both is not allowed");
    refuse("-m 2G -numa node,mem=1G",
           "total memory for NUMA nodes (0x40000000) should equal RAM size (0x80000000)");
    refuse("-smp 2 -numa node,cpus=0-1 -numa node,cpus=1",
           "CPU 1 is in more than one NUMA node");
    refuse("-numa node,cpus=7", "CPU index (7) should be smaller than maxcpus (1)");
    refuse("-numa hmat-lb,initiator=0",
           "-numa hmat-lb,initiator=0: -numa hmat-lb is not supported: use -numa node or -numa "
           "dist");
}

/* Memory of a node may come later. */
static void
test_numa_empty_node(void)
{
    g_autoptr(TnOptions) o = accept("-m 1G -numa node,memdev=m -numa node");

    g_assert_cmpuint(o->config->num_numa, ==, 2);
    g_assert_null(o->config->numa[1].memdev);
    g_assert_cmpuint(o->config->numa[1].size, ==, 0);
}

static void
test_numa_even(void)
{
    g_autoptr(TnOptions) o = accept("-smp 2,sockets=2 -m 1000M -numa node -numa node");

    g_assert_cmpuint(o->config->numa[0].size, ==, 496ULL << 20);
    g_assert_cmpuint(o->config->numa[1].size, ==, 504ULL << 20);
    g_assert_cmpuint(o->config->numa[0].cpus[0], ==, 1);
    g_assert_cmpuint(o->config->numa[1].cpus[0], ==, 2);
}

static void
test_irqchip(void)
{
    g_autoptr(TnOptions) none = accept("-machine pc -accel kvm");
    g_autoptr(TnOptions) on = accept("-machine pc,kernel-irqchip=on");
    g_autoptr(TnOptions) split = accept("-machine pc,kernel_irqchip=split -accel kvm");
    g_autoptr(TnOptions) accel = accept("-accel kvm,kernel-irqchip=split");

    g_assert_false(none->config->split_irqchip);
    g_assert_false(on->config->split_irqchip);
    g_assert_true(split->config->split_irqchip);
    g_assert_true(accel->config->split_irqchip);
    refuse("-machine pc,kernel-irqchip=off",
           "-machine pc,kernel-irqchip=off: kernel-irqchip=off is not supported: the local APICs "
           "are always KVM's; use on or split");
    refuse("-accel kvm,kernel-irqchip=maybe",
           "-accel kvm,kernel-irqchip=maybe: Parameter 'kernel-irqchip' does not accept value "
           "'maybe'");
}

static void
test_machine(void)
{
    g_autoptr(TnOptions) o = accept(
        "-machine pc-i440fx-7.2,usb=off,dump-guest-core=off,memory-backend=pc.ram -accel kvm");

    g_assert_false(o->config->dump_guest_core);
    g_assert_cmpstr(o->config->memory_backend, ==, "pc.ram");
    refuse("-machine q35",
           "-machine q35: unsupported machine type 'q35': use 'pc' or 'pc-i440fx-7.2'");
    refuse("-accel tcg", "-accel tcg: invalid accelerator tcg: only kvm is supported");
    refuse("-machine pc,usb=on",
           "-machine pc,usb=on: Property 'usb' cannot be 'on': it is not supported");
    refuse("-machine pc,nonsense=1", "-machine pc,nonsense=1: Invalid parameter 'nonsense'");
}

static void
test_pit(void)
{
    g_autoptr(TnOptions) o = accept("-machine pc,pit=auto");
    g_autoptr(TnOptions) off = accept("-machine pc,pit=off");

    g_assert_true(o->config->pit);
    g_assert_false(off->config->pit);
    refuse("-machine pc,pit=no", "-machine pc,pit=no: Parameter 'pit' does not accept value 'no'");
}

static void
test_vmport(void)
{
    g_autoptr(TnOptions) o = accept("-machine pc");
    g_autoptr(TnOptions) off = accept("-machine pc,vmport=off");

    g_assert_true(o->config->vmport);
    g_assert_false(off->config->vmport);
}

static void
test_overcommit(void)
{
    g_autoptr(TnOptions) o = accept("-overcommit mem-lock=off,cpu-pm=on");
    g_autoptr(TnOptions) off = accept("-machine pc");

    g_assert_true(o->config->cpu_pm);
    g_assert_false(off->config->cpu_pm);
    refuse("-overcommit mem-lock=on",
           "-overcommit mem-lock=on: Property 'mem-lock' cannot be 'on': it is not supported");
}

static void
test_hpet(void)
{
    g_autoptr(TnOptions) o = accept("-machine pc");
    g_autoptr(TnOptions) off = accept("-machine pc,hpet=off");

    g_assert_true(o->config->hpet);
    g_assert_false(off->config->hpet);
}

static void
test_fw_cfg(void)
{
    g_autoptr(TnOptions) o =
        accept("-fw_cfg opt/a,string=one -fw_cfg name=opt/b,file=/proc/version");
    const TnFwCfgFile *file = g_ptr_array_index(o->config->fw_cfg_files, 0);

    g_assert_cmpuint(o->config->fw_cfg_files->len, ==, 2);
    g_assert_cmpstr(file->name, ==, "opt/a");
    g_assert_cmpmem(g_bytes_get_data(file->data, NULL), g_bytes_get_size(file->data), "one", 3);
    file = g_ptr_array_index(o->config->fw_cfg_files, 1);
    g_assert_cmpmem(g_bytes_get_data(file->data, NULL), 6, "Linux ", 6);
    refuse("-fw_cfg opt/a", "-fw_cfg opt/a: name, plus exactly one of file and string are needed");
    refuse("-fw_cfg opt/a,string=x,file=y",
           "-fw_cfg opt/a,string=x,file=y: name, plus exactly one of file and string are needed");
    refuse("-fw_cfg string=x",
           "-fw_cfg string=x: name, plus exactly one of file and string are needed");
    refuse("-fw_cfg opt/a,string=x,more=1",
           "-fw_cfg opt/a,string=x,more=1: Invalid parameter 'more'");
    refuse("-fw_cfg opt/a,file=/nowhere", "-fw_cfg opt/a,file=/nowhere: can't load /nowhere: "
           "Failed to open file “/nowhere”: No such file or directory");
    refuse("-fw_cfg opt/a,file=/dev/zero", "-fw_cfg opt/a,file=/dev/zero: can't load /dev/zero: "
           "not a regular file of at most 16777216 bytes");
}

static void
test_global(void)
{
    g_autoptr(TnOptions) o = accept("-global isa-debugcon.readback=1 "
                                    "-global driver=pc-dimm,property=node,value=2");
    const TnGlobal *global = g_ptr_array_index(o->config->globals, 0);

    g_assert_cmpstr(global->driver, ==, "isa-debugcon");
    g_assert_cmpstr(global->property, ==, "readback");
    g_assert_cmpstr(global->value, ==, "1");
    global = g_ptr_array_index(o->config->globals, 1);
    g_assert_cmpstr(global->driver, ==, "pc-dimm");
    g_assert_cmpstr(global->value, ==, "2");
    refuse("-global driver=x,value=1",
           "-global driver=x,value=1: 'driver=x,value=1' is not of the form driver.property=value");
    refuse("-global nothing", "-global nothing: Expected '=' after parameter 'nothing'");
}

static void
test_global_of_the_pit(void)
{
    g_autoptr(TnOptions) o = accept("-global kvm-pit.lost_tick_policy=discard");
    g_autoptr(TnOptions) delay = accept("-global kvm-pit.lost_tick_policy=discard "
                                        "-global kvm-pit.lost_tick_policy=delay");

    g_assert_true(o->config->pit_discard);
    g_assert_null(o->config->globals);
    g_assert_false(delay->config->pit_discard);
    refuse("-global kvm-pit.lost_tick_policy=slew",
           "-global kvm-pit.lost_tick_policy=slew: Parameter 'lost_tick_policy' does not accept "
           "value 'slew': use 'delay' or 'discard'");
    refuse("-global kvm-pit.iobase=1",
           "-global kvm-pit.iobase=1: Property 'kvm-pit.iobase' not found");
}

static void
test_cpu(void)
{
    g_autoptr(TnOptions) o = accept("-cpu host,+avx,-sse4a,aes=off");

    g_assert_cmpstr(o->config->cpu_features[0], ==, "+avx");
    g_assert_cmpstr(o->config->cpu_features[1], ==, "-sse4a");
    g_assert_cmpstr(o->config->cpu_features[2], ==, "-aes");
    tn_options_free(o);
    o = accept("-cpu max,avx,host-phys-bits,phys-bits=36,vendor=GenuineIntel,migratable=no");
    g_assert_cmpstr(o->config->cpu_features[0], ==, "+avx");
    g_assert_cmpstr(o->config->cpu_features[1], ==, "phys-bits=36");
    g_assert_cmpstr(o->config->cpu_features[2], ==, "vendor=GenuineIntel");
    g_assert_null(o->config->cpu_features[3]);
    refuse("-cpu host,avx=maybe",
           "-cpu host,avx=maybe: Expected key=on or key=off, found 'avx=maybe' in CPU features");
}

static void
test_object_json(void)
{
    g_autoptr(TnOptions) o = accept("-object {\"qom-type\":\"memory-backend-ram\",\"id\":\"m\"} "
                                    "-object memory-backend-ram,id=n,size=1M");

    g_assert_cmpint(tn_options_input(g_ptr_array_index(o->objects, 0)), ==, TN_PROPERTY_STRICT);
    g_assert_cmpint(tn_options_input(g_ptr_array_index(o->objects, 1)), ==, TN_PROPERTY_KEYVAL);
    refuse("-object {bad", "-object {bad: JSON parse error, quoted object property name expected");
}

static void
test_unknown(void)
{
    refuse("-frobnicate", "-frobnicate: invalid option");
    refuse("disk.img", "disk.img: invalid option");
    refuse("-m", "-m: requires an argument");
    refuse("-display gtk",
           "-display gtk: Parameter 'type' does not accept value 'gtk': only 'none' is supported");
    refuse("-uuid 123", "-uuid 123: Failed to parse UUID string '123'");
}

static void
test_double_dash(void)
{
    g_autoptr(TnOptions) o = accept("--nodefaults --name guest=a,debug-threads=on");

    g_assert_true(o->nodefaults);
    g_assert_cmpstr(o->config->name, ==, "a");
    g_assert_true(o->config->debug_threads);
}

static void
test_keyval_comma(void)
{
    json_object *o = tn_keyval_parse("file,path=/a,,b,x=1", "backend", NULL);
    g_autofree char *path = tn_keyval_take(o, "path");
    g_autofree char *backend = tn_keyval_take(o, "backend");

    g_assert_cmpstr(path, ==, "/a,b");
    g_assert_cmpstr(backend, ==, "file");
    json_object_put(o);
}

static void
test_add_fd(void)
{
    g_autoptr(TnOptions) o = accept("-add-fd fd=7,set=2,opaque=a,,b -add-fd set=0,fd=7");
    const TnAddFd *first = &g_array_index(o->add_fds, TnAddFd, 0);

    g_assert_cmpuint(o->add_fds->len, ==, 2);
    g_assert_cmpint(first->fd, ==, 7);
    g_assert_cmpint(first->set, ==, 2);
    g_assert_cmpstr(first->opaque, ==, "a,b");
    g_assert_null(g_array_index(o->add_fds, TnAddFd, 1).opaque);
}

static void
test_add_fd_refused(void)
{
    refuse("-add-fd set=1", "-add-fd set=1: fd option is required and must be non-negative");
    refuse("-add-fd fd=-5,set=1",
           "-add-fd fd=-5,set=1: fd option is required and must be non-negative");
    refuse("-add-fd fd=2,set=1", "-add-fd fd=2,set=1: fd cannot be a standard I/O stream");
    refuse("-add-fd fd=7", "-add-fd fd=7: set option is required and must be non-negative");
    refuse("-add-fd fd=7,set=-1",
           "-add-fd fd=7,set=-1: set option is required and must be non-negative");
    refuse("-add-fd fd=x,set=1", "-add-fd fd=x,set=1: Parameter 'fd' expects a number");
    refuse("-add-fd fd=7,set=1,foo=1", "-add-fd fd=7,set=1,foo=1: Invalid parameter 'foo'");
}

#define THREE_NODES "-m 96 -smp 3 -numa node -numa node -numa node "

static void
test_numa_distances(void)
{
    static const guint8 expected[] = { 10, 20, 21, 20, 10, 22, 21, 22, 10 };
    g_autoptr(TnOptions) o = accept(THREE_NODES "-numa dist,src=0,dst=1,val=20 "
                                    "-numa dist,src=0,dst=2,val=21 -numa dist,src=2,dst=1,val=22");

    g_assert_cmpmem(o->config->distances, sizeof(expected), expected, sizeof(expected));
}

static void
test_numa_distances_both_ways(void)
{
    static const guint8 expected[] = { 10, 20, 30, 10 };
    g_autoptr(TnOptions) o = accept("-m 96 -numa node -numa node -numa dist,src=0,dst=1,val=99 "
                                    "-numa dist,src=1,dst=0,val=30 -numa dist,src=0,dst=1,val=20");

    g_assert_cmpmem(o->config->distances, sizeof(expected), expected, sizeof(expected));
}

static void
test_numa_distances_refused(void)
{
    refuse(THREE_NODES "-numa dist,src=0,dst=1,val=256",
           "-numa dist,src=0,dst=1,val=256: Parameter 'val' expects uint8_t");
    refuse(THREE_NODES "-numa dist,src=0,dst=1,val=9",
           "-numa dist,src=0,dst=1,val=9: NUMA distance (9) is invalid, it shouldn't be less than "
           "10.");
    refuse(THREE_NODES "-numa dist,src=0,dst=0,val=11",
           "-numa dist,src=0,dst=0,val=11: Local distance of node 0 should be 10.");
    refuse(THREE_NODES "-numa dist,src=0,dst=1",
           "-numa dist,src=0,dst=1: Parameter 'val' is missing");
    refuse(THREE_NODES "-numa dist,dst=0,val=20",
           "-numa dist,dst=0,val=20: Parameter 'src' is missing");
    refuse(THREE_NODES "-numa dist,src=0,dst=3,val=20",
           "-numa dist,src=0,dst=3,val=20: Source/Destination NUMA node is missing. Please use "
           "'-numa node' option to declare it first.");
    refuse(THREE_NODES "-numa dist,src=0,dst=128,val=20",
           "-numa dist,src=0,dst=128,val=20: Parameter 'dst' expects an integer between 0 and 127");
    refuse(THREE_NODES "-numa dist,src=65536,dst=1,val=20",
           "-numa dist,src=65536,dst=1,val=20: Parameter 'src' expects uint16_t");
    refuse(THREE_NODES "-numa dist,src=x,dst=1,val=20",
           "-numa dist,src=x,dst=1,val=20: Parameter 'src' expects a uint64 value");
    refuse(THREE_NODES "-numa dist,src=0,dst=1,val=20,cpus=1",
           "-numa dist,src=0,dst=1,val=20,cpus=1: Invalid parameter 'cpus'");
    refuse("-numa dist,src=0,dst=0,val=10 " THREE_NODES,
           "-numa dist,src=0,dst=0,val=10: Source/Destination NUMA node is missing. Please use "
           "'-numa node' option to declare it first.");
}

static void
test_numa_distances_incomplete(void)
{
    refuse(THREE_NODES "-numa dist,src=0,dst=1,val=20",
           "The distance between node 0 and 2 is missing, at least one distance value between "
           "each nodes should be provided.");
    refuse(THREE_NODES "-numa dist,src=0,dst=1,val=20 -numa dist,src=0,dst=2,val=20 "
                       "-numa dist,src=1,dst=2,val=20 -numa dist,src=2,dst=1,val=30",
           "At least one asymmetrical pair of distances is given, please provide distances for "
           "both directions of all node pairs.");
}

static void
test_help_names_all(void)
{
    g_autofree char *help = tn_options_help();

    g_assert_nonnull(strstr(help, "-object type,id=id"));
    g_assert_nonnull(strstr(help, "-daemonize\n"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/machine/options/defaults", test_defaults);
    g_test_add_func("/machine/options/memory", test_memory);
    g_test_add_func("/machine/options/memory-refused", test_memory_refused);
    g_test_add_func("/machine/options/smp", test_smp);
    g_test_add_func("/machine/options/smp-dies", test_smp_dies);
    g_test_add_func("/machine/options/smp-apic-ids-end", test_smp_apic_ids_end);
    g_test_add_func("/machine/options/numa", test_numa);
    g_test_add_func("/machine/options/numa-empty-node-beside-memdev", test_numa_empty_node);
    g_test_add_func("/machine/options/numa-shares-evenly", test_numa_even);
    g_test_add_func("/machine/options/numa-distances", test_numa_distances);
    g_test_add_func("/machine/options/numa-distances-both-ways", test_numa_distances_both_ways);
    g_test_add_func("/machine/options/numa-distances-refused", test_numa_distances_refused);
    g_test_add_func("/machine/options/numa-distances-incomplete", test_numa_distances_incomplete);
    g_test_add_func("/machine/options/irqchip", test_irqchip);
    g_test_add_func("/machine/options/machine", test_machine);
    g_test_add_func("/machine/options/pit", test_pit);
    g_test_add_func("/machine/options/vmport", test_vmport);
    g_test_add_func("/machine/options/overcommit", test_overcommit);
    g_test_add_func("/machine/options/hpet", test_hpet);
    g_test_add_func("/machine/options/fw-cfg", test_fw_cfg);
    g_test_add_func("/machine/options/global", test_global);
    g_test_add_func("/machine/options/global-of-the-pit", test_global_of_the_pit);
    g_test_add_func("/machine/options/cpu-features", test_cpu);
    g_test_add_func("/machine/options/object-json-is-strict", test_object_json);
    g_test_add_func("/machine/options/unknown-refused-by-name", test_unknown);
    g_test_add_func("/machine/options/double-dash", test_double_dash);
    g_test_add_func("/machine/keyval/doubled-comma", test_keyval_comma);
    g_test_add_func("/machine/options/add-fd", test_add_fd);
    g_test_add_func("/machine/options/add-fd-refused", test_add_fd_refused);
    g_test_add_func("/machine/options/help-lists-the-table", test_help_names_all);
    return g_test_run();
}
