/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions and the command lines they become, word by word. */
#include "driver/core/command-line.h"

#include <string.h>

static TnDomainDef *
parse(const char *body)
{
    const TnXmlParseOptions options = { .flags = TN_XML_PARSE_INACTIVE };
    g_autofree char *xml = g_strdup_printf(
        "<domain type='kvm'><name>a,b</name>"
        "<uuid>c7a5fdbd-cdaf-9455-926a-d65c16db1809</uuid>%s</domain>",
        body);
    g_autoptr(GError) error = NULL;
    TnDomainDef *def = tn_domain_def_parse(xml, &options, &error);

    g_assert_no_error(error);
    tn_domain_def_assign_aliases(def);
    return def;
}

/* The whole command line as one text, words parted by newlines. */
static void
assert_words(const char *body, const char *expected)
{
    const TnCommandLineEnv env = { .program = "tenon-vmm", .monitor_fd = 3 };
    g_autoptr(TnDomainDef) def = parse(body);
    g_auto(GStrv) argv = tn_command_line_build(def, &env);
    g_autofree char *text = g_strjoinv("\n", argv);

    g_assert_cmpstr(text, ==, expected);
}

#define HEAD                                                                                       \
    "tenon-vmm\n-name\nguest=a,,b,debug-threads=on\n-S\n"                                          \
    "-uuid\nc7a5fdbd-cdaf-9455-926a-d65c16db1809\n"
#define MACHINE "-machine\npc-i440fx-7.2,usb=off,dump-guest-core=off\n-accel\nkvm\n"
#define MIDDLE                                                                                     \
    "-display\nnone\n-no-user-config\n-nodefaults\n"                                               \
    "-chardev\nsocket,id=charmonitor,fd=3,server=on,wait=off\n"                                    \
    "-mon\nchardev=charmonitor,mode=control\n"
#define OS "<os><type arch='x86_64' machine='pc'>hvm</type></os>"

static void
test_plain(void)
{
    assert_words("<memory unit='MiB'>256</memory><vcpu>2</vcpu>" OS,
                 HEAD MACHINE "-cpu\nhost\n-smp\n2,sockets=2,cores=1,threads=1\n"
                              "-m\nsize=262144k\n" MIDDLE "-rtc\nbase=utc\n-no-shutdown");
}

static void
test_ioapic(void)
{
    static const struct {
        const char *driver, *irqchip;
    } cases[] = { { "qemu", "split" }, { "kvm", "on" } };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *body = g_strdup_printf(
            "<memory unit='MiB'>256</memory><vcpu>1</vcpu>" OS
            "<features><ioapic driver='%s'/></features>", cases[i].driver);
        g_autofree char *expected = g_strdup_printf(
            HEAD "-machine\npc-i440fx-7.2,usb=off,dump-guest-core=off,kernel_irqchip=%s\n"
                 "-accel\nkvm\n-cpu\nhost\n-smp\n1,sockets=1,cores=1,threads=1\n"
                 "-m\nsize=262144k\n" MIDDLE "-rtc\nbase=utc\n-no-shutdown", cases[i].irqchip);

        assert_words(body, expected);
    }
}

static void
test_direct_boot(void)
{
    assert_words("<memory unit='MiB'>256</memory><vcpu>1</vcpu><os>"
                 "<type arch='x86_64' machine='pc'>hvm</type><kernel>/k</kernel>"
                 "<initrd>/i</initrd><cmdline>console=ttyS0 a=\"b c\"</cmdline></os>"
                 "<clock offset='localtime'/>",
                 HEAD MACHINE "-cpu\nhost\n-smp\n1,sockets=1,cores=1,threads=1\n"
                              "-m\nsize=262144k\n" MIDDLE
                              "-rtc\nbase=localtime\n-no-shutdown\n-kernel\n/k\n-initrd\n/i\n"
                              "-append\nconsole=ttyS0 a=\"b c\"");
}

static void
test_vmport(void)
{
    assert_words("<memory unit='MiB'>256</memory><vcpu>1</vcpu>" OS
                 "<features><vmport state='off'/></features>",
                 HEAD "-machine\npc-i440fx-7.2,usb=off,dump-guest-core=off,vmport=off\n"
                      "-accel\nkvm\n-cpu\nhost\n-smp\n1,sockets=1,cores=1,threads=1\n"
                      "-m\nsize=262144k\n" MIDDLE "-rtc\nbase=utc\n-no-shutdown");
}

static void
test_sleep(void)
{
    assert_words("<memory unit='MiB'>256</memory><vcpu>1</vcpu>" OS
                 "<pm><suspend-to-mem enabled='yes'/><suspend-to-disk enabled='no'/></pm>",
                 HEAD MACHINE "-cpu\nhost\n-smp\n1,sockets=1,cores=1,threads=1\n"
                              "-m\nsize=262144k\n" MIDDLE "-rtc\nbase=utc\n-no-shutdown\n"
                              "-global\nPIIX4_PM.disable_s3=0\n"
                              "-global\nPIIX4_PM.disable_s4=1");
}

static void
test_required_features_are_enforced(void)
{
    assert_words("<memory unit='MiB'>256</memory><vcpu>1</vcpu>" OS
                 "<cpu mode='host-passthrough'><feature policy='require' name='avx'/>"
                 "<feature policy='disable' name='smap'/></cpu>",
                 HEAD MACHINE "-cpu\nhost,avx=on,smap=off,enforce=on\n"
                              "-smp\n1,sockets=1,cores=1,threads=1\n"
                              "-m\nsize=262144k\n" MIDDLE "-rtc\nbase=utc\n-no-shutdown");
}

static void
test_numa_and_dimm(void)
{
    assert_words(
        "<maxMemory slots='4' unit='GiB'>2</maxMemory><memory unit='MiB'>768</memory>"
        "<vcpu>4</vcpu>" OS
        "<cpu mode='host-passthrough'><topology sockets='2' dies='1' cores='2' threads='1'/>"
        "<numa><cell id='0' cpus='0-1' memory='256' unit='MiB'/>"
        "<cell id='1' cpus='2,3' memory='256' unit='MiB' memAccess='shared'/></numa></cpu>"
        "<devices><memory model='dimm'><target><size unit='MiB'>256</size><node>1</node></target>"
        "<address type='dimm' slot='2'/></memory></devices>",
        HEAD MACHINE
        "-cpu\nhost\n-smp\n4,sockets=2,cores=2,threads=1\n"
        "-m\nsize=524288k,slots=4,maxmem=2097152k\n"
        "-object\n{\"qom-type\":\"memory-backend-ram\",\"id\":\"ram-node0\",\"size\":268435456}\n"
        "-numa\nnode,nodeid=0,cpus=0-1,memdev=ram-node0\n"
        "-object\n{\"qom-type\":\"memory-backend-ram\",\"id\":\"ram-node1\",\"size\":268435456,"
        "\"share\":true}\n"
        "-numa\nnode,nodeid=1,cpus=2-3,memdev=ram-node1\n" MIDDLE
        "-rtc\nbase=utc\n-no-shutdown\n"
        "-object\n{\"qom-type\":\"memory-backend-ram\",\"id\":\"memdimm2\",\"size\":268435456}\n"
        "-device\n{\"driver\":\"pc-dimm\",\"node\":1,\"memdev\":\"memdimm2\",\"id\":\"dimm2\","
        "\"slot\":2}");
}

/* Bridges come in the order of their buses, whatever the document's. */
static void
test_pci_bridges(void)
{
    assert_words(
        "<memory unit='MiB'>256</memory><vcpu>2</vcpu>" OS "<devices>"
        "<controller type='pci' index='2' model='pci-bridge'><target chassisNr='9'/>"
        "<address type='pci' bus='1' slot='7'/></controller>"
        "<controller type='pci' index='0' model='pci-root'><target hotplug='off'/></controller>"
        "<hostdev mode='subsystem' type='pci'><source><address bus='6'/></source>"
        "<address type='pci' bus='2' slot='4'/></hostdev></devices>",
        HEAD MACHINE
        "-cpu\nhost\n-smp\n2,sockets=2,cores=1,threads=1\n-m\nsize=262144k\n" MIDDLE
        "-rtc\nbase=utc\n-no-shutdown\n-global\nPIIX4_PM.acpi-root-pci-hotplug=off\n"
        "-device\n{\"driver\":\"pci-bridge\",\"chassis_nr\":1,\"id\":\"pci.1\","
        "\"bus\":\"pci.0\",\"addr\":\"0x3\"}\n"
        "-device\n{\"driver\":\"pci-bridge\",\"chassis_nr\":9,\"id\":\"pci.2\","
        "\"bus\":\"pci.1\",\"addr\":\"0x7\"}\n"
        "-device\n{\"driver\":\"vfio-pci\",\"host\":\"0000:06:00.0\",\"id\":\"hostdev0\","
        "\"bus\":\"pci.2\",\"addr\":\"0x4\"}");
}

static void
test_huge_pages(void)
{
    assert_words(
        "<memory unit='MiB'>256</memory><vcpu>1</vcpu>"
        "<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>" OS,
        HEAD
        "-machine\npc-i440fx-7.2,usb=off,dump-guest-core=off,memory-backend=pc.ram\n-accel\nkvm\n"
        "-cpu\nhost\n-smp\n1,sockets=1,cores=1,threads=1\n-m\nsize=262144k\n"
        "-object\n{\"qom-type\":\"memory-backend-memfd\",\"id\":\"pc.ram\",\"size\":268435456,"
        "\"hugetlb\":true,\"hugetlbsize\":2097152,\"share\":false,\"prealloc\":true}\n" MIDDLE
        "-rtc\nbase=utc\n-no-shutdown");
}

static void
test_serial_kinds(void)
{
    assert_words(
        "<memory unit='MiB'>256</memory><vcpu>1</vcpu>" OS
        "<devices><serial type='pty'/><serial type='file'><source path='/a,b' append='on'/>"
        "</serial><serial type='unix'><source mode='bind' path='/s'/></serial></devices>",
        HEAD MACHINE
        "-cpu\nhost\n-smp\n1,sockets=1,cores=1,threads=1\n-m\nsize=262144k\n" MIDDLE
        "-rtc\nbase=utc\n-no-shutdown\n"
        "-chardev\npty,id=charserial0\n"
        "-device\n{\"driver\":\"isa-serial\",\"chardev\":\"charserial0\",\"id\":\"serial0\","
        "\"index\":0}\n"
        "-chardev\nfile,id=charserial1,path=/a,,b,append=on\n"
        "-device\n{\"driver\":\"isa-serial\",\"chardev\":\"charserial1\",\"id\":\"serial1\","
        "\"index\":1}\n"
        "-chardev\nsocket,id=charserial2,path=/s,server=on,wait=off\n"
        "-device\n{\"driver\":\"isa-serial\",\"chardev\":\"charserial2\",\"id\":\"serial2\","
        "\"index\":2}");
}

static void
test_shell_text_quotes(void)
{
    static const char *const argv[] = { "/a", "-append", "b c", "", "{\"x\":1}", "it's", NULL };
    g_autofree char *text = tn_command_line_to_shell(argv);

    g_assert_cmpstr(text, ==, "/a -append 'b c' '' '{\"x\":1}' 'it'\\''s'");
}

static void
test_numa_distances(void)
{
    assert_words(
        "<memory unit='MiB'>64</memory><vcpu>2</vcpu>" OS "<cpu mode='host-passthrough'><numa>"
        "<cell id='0' cpus='0' memory='32' unit='MiB'><distances><sibling id='0' value='10'/>"
        "</distances></cell><cell id='1' cpus='1' memory='32' unit='MiB'><distances>"
        "<sibling id='0' value='31'/></distances></cell></numa></cpu>",
        HEAD MACHINE "-cpu\nhost\n-smp\n2,sockets=2,cores=1,threads=1\n"
        "-m\nsize=65536k\n"
        "-object\n{\"qom-type\":\"memory-backend-ram\",\"id\":\"ram-node0\",\"size\":33554432}\n"
        "-numa\nnode,nodeid=0,cpus=0,memdev=ram-node0\n"
        "-object\n{\"qom-type\":\"memory-backend-ram\",\"id\":\"ram-node1\",\"size\":33554432}\n"
        "-numa\nnode,nodeid=1,cpus=1,memdev=ram-node1\n"
        "-numa\ndist,src=0,dst=0,val=10\n-numa\ndist,src=0,dst=1,val=31\n"
        "-numa\ndist,src=1,dst=0,val=31\n-numa\ndist,src=1,dst=1,val=10\n" MIDDLE
        "-rtc\nbase=utc\n-no-shutdown");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/driver/command-line/plain", test_plain);
    g_test_add_func("/driver/command-line/direct-boot", test_direct_boot);
    g_test_add_func("/driver/command-line/ioapic", test_ioapic);
    g_test_add_func("/driver/command-line/numa-and-dimm", test_numa_and_dimm);
    g_test_add_func("/driver/command-line/vmport", test_vmport);
    g_test_add_func("/driver/command-line/sleep", test_sleep);
    g_test_add_func("/driver/command-line/required-features-are-enforced",
                    test_required_features_are_enforced);
    g_test_add_func("/driver/command-line/pci-bridges", test_pci_bridges);
    g_test_add_func("/driver/command-line/numa-distances", test_numa_distances);
    g_test_add_func("/driver/command-line/huge-pages", test_huge_pages);
    g_test_add_func("/driver/command-line/serial-kinds", test_serial_kinds);
    g_test_add_func("/driver/command-line/shell-text-quotes", test_shell_text_quotes);
    return g_test_run();
}
