/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The XML words of each enumeration of the domain model. */
#include "xml/enums.h"

#include <string.h>

/* A table whose words are complete, and one that also knows what libvirt has and Tenon refuses. */
#define TABLE(name, last, ...) TABLE_REFUSING(name, last, NULL, __VA_ARGS__)
#define TABLE_REFUSING(name, last, refused, ...)                                                  \
    static const char *const name##_words[] = { __VA_ARGS__ };                                    \
    G_STATIC_ASSERT(G_N_ELEMENTS(name##_words) == (last));                                        \
    const TnEnumTable tn_##name##_table = { name##_words, (last), refused }

TABLE(tristate_yes_no, TN_TRISTATE_LAST, NULL, "yes", "no");
TABLE(tristate_on_off, TN_TRISTATE_LAST, NULL, "on", "off");
TABLE_REFUSING(virt_type, TN_VIRT_LAST,
               "qemu xen lxc uml openvz test vmware hyperv vbox phyp parallels bhyve vz hvf",
               "kvm");
TABLE(boot_device, TN_BOOT_LAST, "fd", "cdrom", "hd", "network");
TABLE(lifecycle, TN_LIFECYCLE_LAST, "destroy", "restart", "rename-restart", "preserve",
      "coredump-destroy", "coredump-restart");
TABLE(memory_source, TN_MEMORY_SOURCE_LAST, NULL, "file", "anonymous", "memfd");
TABLE(memory_access, TN_MEMORY_ACCESS_LAST, NULL, "shared", "private");
TABLE(memory_allocation, TN_MEMORY_ALLOCATION_LAST, NULL, "immediate", "ondemand");
TABLE(numatune_mode, TN_NUMATUNE_LAST, "strict", "preferred", "interleave", "restrictive");
TABLE(cpu_mode, TN_CPU_MODE_LAST, NULL, "custom", "host-model", "host-passthrough", "maximum");
TABLE(cpu_check, TN_CPU_CHECK_LAST, NULL, "none", "partial", "full");
TABLE(cpu_policy, TN_CPU_POLICY_LAST, "force", "require", "optional", "disable", "forbid");
TABLE_REFUSING(clock_offset, TN_CLOCK_LAST, "timezone absolute", "utc", "localtime", "variable");
TABLE(clock_basis, TN_CLOCK_BASIS_LAST, "utc", "localtime");
TABLE_REFUSING(timer_name, TN_TIMER_LAST, "platform hypervclock armvtimer", "rtc", "pit", "hpet",
               "tsc", "kvmclock");
TABLE(tickpolicy, TN_TICKPOLICY_LAST, NULL, "delay", "catchup", "merge", "discard");
TABLE_REFUSING(seclabel_type, TN_SECLABEL_LAST, "static", "none", "dynamic");
TABLE_REFUSING(address_type, TN_ADDRESS_LAST,
               "drive virtio-serial ccid usb spapr-vio virtio-s390 ccw virtio-mmio unassigned",
               NULL, "pci", "isa", "dimm");
TABLE_REFUSING(chardev_type, TN_CHARDEV_LAST,
               "vc dev pipe udp tcp spicevmc spiceport nmdm qemu-vdagent dbus", "null", "pty",
               "file", "stdio", "unix");
TABLE_REFUSING(controller_type, TN_CONTROLLER_LAST,
               "ide fdc scsi sata virtio-serial ccid xenbus isa", "usb", "pci");
TABLE_REFUSING(device_kind, TN_DEVICE_LAST,
               "disk lease filesystem interface smartcard parallel channel input tpm graphics "
               "sound video redirdev redirfilter hub watchdog rng nvram panic shmem iommu "
               "vsock crypto",
               "controller", "serial", "console", "audio", "hostdev", "memballoon", "memory");
TABLE_REFUSING(os_type, 1, "exe linux xen xenpvh uml", "hvm");
TABLE_REFUSING(arch, 1,
               "i686 aarch64 alpha armv6l armv7l armv7b cris itanium lm32 m68k microblaze "
               "microblazeel mips mipsel mips64 mips64el openrisc parisc parisc64 ppc ppc64 "
               "ppc64le ppcemb riscv32 riscv64 s390 s390x sh4 sh4eb sparc sparc64 unicore32 xtensa "
               "xtensaeb loongarch64",
               "x86_64");
TABLE_REFUSING(feature, TN_FEATURE_LAST,
               "hap viridian privnet hyperv kvm pvspinlock capabilities pmu gic hpt htm "
               "nested-hv msrs ccf-assist xen cfpc sbbc ibs tcg async-teardown vmcoreinfo",
               "acpi", "apic", "pae", "vmport", "smm", "ioapic");
TABLE(ioapic_driver, TN_IOAPIC_LAST, NULL, "qemu", "kvm");
TABLE(cpu_match, 3, "exact", "minimum", "strict");
TABLE_REFUSING(vcpu_placement, 1, "auto", "static");
TABLE_REFUSING(timer_track, TN_TIMER_TRACK_LAST, "boot guest realtime", NULL, "wall");
TABLE_REFUSING(serial_target, 1, "usb-serial pci-serial spapr-vio-serial system-serial "
               "sclp-serial xen-console isa-debug", "isa-serial");
TABLE_REFUSING(serial_model, 1, "usb-serial pci-serial spapr-vty pl011 sclpconsole sclplmconsole "
               "16550a isa-debugcon", "isa-serial");
TABLE_REFUSING(console_target, 1, "xen uml virtio lxc openvz sclp sclplm none", "serial");
TABLE(unix_mode, 2, "connect", "bind");
TABLE_REFUSING(memory_model, 1, "nvdimm virtio-pmem virtio-mem sgx-epc", "dimm");
TABLE_REFUSING(memballoon_model, 1, "virtio xen virtio-transitional virtio-non-transitional",
               "none");
TABLE_REFUSING(audio_type, 1, "alsa coreaudio jack oss pulseaudio sdl spice file dbus pipewire",
               "none");
TABLE_REFUSING(usb_model, 1,
               "piix3-uhci piix4-uhci ehci ich9-ehci1 ich9-uhci1 ich9-uhci2 ich9-uhci3 vt82c686b-"
               "uhci pci-ohci nec-xhci qusb1 qusb2 qemu-xhci", "none");
TABLE_REFUSING(pci_model, 2,
               "pcie-root dmi-to-pci-bridge pcie-to-pci-bridge pcie-root-port "
               "pcie-switch-upstream-port pcie-switch-downstream-port pci-expander-bus "
               "pcie-expander-bus", "pci-root", "pci-bridge");
TABLE_REFUSING(hostdev_mode, 1, "capabilities", "subsystem");
TABLE_REFUSING(hostdev_type, 1, "usb scsi scsi_host mdev", "pci");
TABLE_REFUSING(hostdev_driver, TN_HOSTDEV_DRIVER_LAST, "kvm xen", NULL, "vfio");

const char *
tn_enum_to_string(const TnEnumTable *table, int value)
{
    if (value < 0 || value >= table->n_words) {
        return NULL;
    }
    return table->words[value];
}

int
tn_enum_from_string(const TnEnumTable *table, const char *word)
{
    if (word == NULL) {
        return -1;
    }
    for (int i = 0; i < table->n_words; i++) {
        if (table->words[i] != NULL && g_str_equal(table->words[i], word)) {
            return i;
        }
    }
    return -1;
}

gboolean
tn_enum_is_refused(const TnEnumTable *table, const char *word)
{
    const char *at = table->refused;
    gsize length;

    if (word == NULL || word[0] == '\0' || strchr(word, ' ') != NULL) {
        return FALSE;
    }
    length = strlen(word);
    while (at != NULL) {
        if (strncmp(at, word, length) == 0 && (at[length] == ' ' || at[length] == '\0')) {
            return TRUE;
        }
        at = strchr(at, ' ');
        if (at != NULL) {
            at++;
        }
    }
    return FALSE;
}
