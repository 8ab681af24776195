/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The enumerations of the domain model, each with the table of its XML words. */
#ifndef TN_XML_ENUMS_H
#define TN_XML_ENUMS_H

#include <glib.h>

/** TnTristate: an attribute that is absent, yes/on or no/off. */
typedef enum {
    TN_TRISTATE_ABSENT,
    TN_TRISTATE_YES,
    TN_TRISTATE_NO,
    TN_TRISTATE_LAST
} TnTristate;

/** TnVirtType: `<domain type=...>`. Tenon runs guests on KVM alone. */
typedef enum {
    TN_VIRT_KVM,
    TN_VIRT_LAST
} TnVirtType;

/** TnBootDevice: `<boot dev=...>`. */
typedef enum {
    TN_BOOT_FLOPPY,
    TN_BOOT_CDROM,
    TN_BOOT_DISK,
    TN_BOOT_NETWORK,
    TN_BOOT_LAST
} TnBootDevice;

/** TnLifecycleAction: what `<on_poweroff>`, `<on_reboot>` and `<on_crash>` ask for. */
typedef enum {
    TN_LIFECYCLE_DESTROY,
    TN_LIFECYCLE_RESTART,
    TN_LIFECYCLE_RESTART_RENAME,
    TN_LIFECYCLE_PRESERVE,
    TN_LIFECYCLE_COREDUMP_DESTROY,
    TN_LIFECYCLE_COREDUMP_RESTART,
    TN_LIFECYCLE_LAST
} TnLifecycleAction;

/** TnMemorySource: `<memoryBacking><source type=...>`. */
typedef enum {
    TN_MEMORY_SOURCE_NONE,
    TN_MEMORY_SOURCE_FILE,
    TN_MEMORY_SOURCE_ANONYMOUS,
    TN_MEMORY_SOURCE_MEMFD,
    TN_MEMORY_SOURCE_LAST
} TnMemorySource;

/** TnMemoryAccess: shared or private mappings of guest memory. */
typedef enum {
    TN_MEMORY_ACCESS_DEFAULT,
    TN_MEMORY_ACCESS_SHARED,
    TN_MEMORY_ACCESS_PRIVATE,
    TN_MEMORY_ACCESS_LAST
} TnMemoryAccess;

/** TnMemoryAllocation: `<allocation mode=...>`. */
typedef enum {
    TN_MEMORY_ALLOCATION_NONE,
    TN_MEMORY_ALLOCATION_IMMEDIATE,
    TN_MEMORY_ALLOCATION_ONDEMAND,
    TN_MEMORY_ALLOCATION_LAST
} TnMemoryAllocation;

/** TnNumatuneMode: how host nodes are used for guest memory. */
typedef enum {
    TN_NUMATUNE_STRICT,
    TN_NUMATUNE_PREFERRED,
    TN_NUMATUNE_INTERLEAVE,
    TN_NUMATUNE_RESTRICTIVE,
    TN_NUMATUNE_LAST
} TnNumatuneMode;

/** TnCpuMode: `<cpu mode=...>`. NONE: no mode attribute (topology or NUMA cells only). */
typedef enum {
    TN_CPU_MODE_NONE,
    TN_CPU_MODE_CUSTOM,
    TN_CPU_MODE_HOST_MODEL,
    TN_CPU_MODE_HOST_PASSTHROUGH,
    TN_CPU_MODE_MAXIMUM,
    TN_CPU_MODE_LAST
} TnCpuMode;

/** TnCpuCheck: `<cpu check=...>`. */
typedef enum {
    TN_CPU_CHECK_DEFAULT,
    TN_CPU_CHECK_NONE,
    TN_CPU_CHECK_PARTIAL,
    TN_CPU_CHECK_FULL,
    TN_CPU_CHECK_LAST
} TnCpuCheck;

/** TnCpuPolicy: `<cpu><feature policy=...>`. */
typedef enum {
    TN_CPU_POLICY_FORCE,
    TN_CPU_POLICY_REQUIRE,
    TN_CPU_POLICY_OPTIONAL,
    TN_CPU_POLICY_DISABLE,
    TN_CPU_POLICY_FORBID,
    TN_CPU_POLICY_LAST
} TnCpuPolicy;

/** TnClockOffset: `<clock offset=...>`. */
typedef enum {
    TN_CLOCK_UTC,
    TN_CLOCK_LOCALTIME,
    TN_CLOCK_VARIABLE,
    TN_CLOCK_LAST
} TnClockOffset;

/** TnClockBasis: `<clock offset='variable' basis=...>`. */
typedef enum {
    TN_CLOCK_BASIS_UTC,
    TN_CLOCK_BASIS_LOCALTIME,
    TN_CLOCK_BASIS_LAST
} TnClockBasis;

/** TnTimerName: `<timer name=...>`. */
typedef enum {
    TN_TIMER_RTC,
    TN_TIMER_PIT,
    TN_TIMER_HPET,
    TN_TIMER_TSC,
    TN_TIMER_KVMCLOCK,
    TN_TIMER_LAST
} TnTimerName;

/** TnTimerTickpolicy: `<timer tickpolicy=...>`. */
typedef enum {
    TN_TICKPOLICY_NONE,
    TN_TICKPOLICY_DELAY,
    TN_TICKPOLICY_CATCHUP,
    TN_TICKPOLICY_MERGE,
    TN_TICKPOLICY_DISCARD,
    TN_TICKPOLICY_LAST
} TnTimerTickpolicy;

/** TnTimerTrack: `<timer track=...>`. */
typedef enum {
    TN_TIMER_TRACK_NONE,
    TN_TIMER_TRACK_WALL,
    TN_TIMER_TRACK_LAST
} TnTimerTrack;

/** TnSeclabelType: `<seclabel type=...>`. */
typedef enum {
    TN_SECLABEL_NONE,
    TN_SECLABEL_DYNAMIC,
    TN_SECLABEL_LAST
} TnSeclabelType;

/** TnAddressType: `<address type=...>` of a device. */
typedef enum {
    TN_ADDRESS_NONE,
    TN_ADDRESS_PCI,
    TN_ADDRESS_ISA,
    TN_ADDRESS_DIMM,
    TN_ADDRESS_LAST
} TnAddressType;

/** TnChardevType: where a serial port or console ends on the host. */
typedef enum {
    TN_CHARDEV_NULL,
    TN_CHARDEV_PTY,
    TN_CHARDEV_FILE,
    TN_CHARDEV_STDIO,
    TN_CHARDEV_UNIX,
    TN_CHARDEV_LAST
} TnChardevType;

/** TnControllerType: `<controller type=...>`. */
typedef enum {
    TN_CONTROLLER_USB,
    TN_CONTROLLER_PCI,
    TN_CONTROLLER_LAST
} TnControllerType;

/** TnFeature: elements below `<features>`. */
typedef enum {
    TN_FEATURE_ACPI,
    TN_FEATURE_APIC,
    TN_FEATURE_PAE,
    TN_FEATURE_VMPORT,
    TN_FEATURE_SMM,
    TN_FEATURE_IOAPIC,
    TN_FEATURE_LAST
} TnFeature;

/** TnIoapicDriver: who has PIC, IOAPIC and PIT, `<ioapic driver=…/>`. */
typedef enum {
    TN_IOAPIC_ABSENT,
    TN_IOAPIC_QEMU, /**< the monitor program */
    TN_IOAPIC_KVM,
    TN_IOAPIC_LAST
} TnIoapicDriver;

/** TnDeviceKind: element names below `<devices>`, in the order in which they are formatted. */
typedef enum {
    TN_DEVICE_CONTROLLER,
    TN_DEVICE_SERIAL,
    TN_DEVICE_CONSOLE,
    TN_DEVICE_AUDIO,
    TN_DEVICE_HOSTDEV,
    TN_DEVICE_MEMBALLOON,
    TN_DEVICE_MEMORY,
    TN_DEVICE_LAST
} TnDeviceKind;

/** TnHostdevDriver: `<driver name=...>` of a host device. */
typedef enum {
    TN_HOSTDEV_DRIVER_DEFAULT,
    TN_HOSTDEV_DRIVER_VFIO,
    TN_HOSTDEV_DRIVER_LAST
} TnHostdevDriver;

/** TnEnumTable: the XML words of one enumeration. */
typedef struct {
    const char *const *words; /**< indexed by value; NULL: no word for that value */
    int n_words;
    const char *refused;      /**< blank-separated words that libvirt knows and Tenon does not
                                   support: a guest must not start without them; NULL: none */
} TnEnumTable;

extern const TnEnumTable tn_tristate_yes_no_table;
extern const TnEnumTable tn_tristate_on_off_table;
extern const TnEnumTable tn_virt_type_table;
extern const TnEnumTable tn_boot_device_table;
extern const TnEnumTable tn_lifecycle_table;
extern const TnEnumTable tn_memory_source_table;
extern const TnEnumTable tn_memory_access_table;
extern const TnEnumTable tn_memory_allocation_table;
extern const TnEnumTable tn_numatune_mode_table;
extern const TnEnumTable tn_cpu_mode_table;
extern const TnEnumTable tn_cpu_check_table;
extern const TnEnumTable tn_cpu_policy_table;
extern const TnEnumTable tn_clock_offset_table;
extern const TnEnumTable tn_clock_basis_table;
extern const TnEnumTable tn_timer_name_table;
extern const TnEnumTable tn_tickpolicy_table;
extern const TnEnumTable tn_seclabel_type_table;
extern const TnEnumTable tn_address_type_table;
extern const TnEnumTable tn_chardev_type_table;
extern const TnEnumTable tn_controller_type_table;
extern const TnEnumTable tn_device_kind_table;
extern const TnEnumTable tn_os_type_table;
extern const TnEnumTable tn_arch_table;
extern const TnEnumTable tn_feature_table;
extern const TnEnumTable tn_ioapic_driver_table;
extern const TnEnumTable tn_cpu_match_table;
extern const TnEnumTable tn_vcpu_placement_table;
extern const TnEnumTable tn_timer_track_table;
extern const TnEnumTable tn_serial_target_table;
extern const TnEnumTable tn_serial_model_table;
extern const TnEnumTable tn_console_target_table;
extern const TnEnumTable tn_unix_mode_table;
extern const TnEnumTable tn_memory_model_table;
extern const TnEnumTable tn_memballoon_model_table;
extern const TnEnumTable tn_audio_type_table;
extern const TnEnumTable tn_usb_model_table;
extern const TnEnumTable tn_pci_model_table;
extern const TnEnumTable tn_hostdev_mode_table;
extern const TnEnumTable tn_hostdev_type_table;
extern const TnEnumTable tn_hostdev_driver_table;

/** tn_enum_to_string: the XML word of @value, or NULL when it has none or is out of range. */
const char *tn_enum_to_string(const TnEnumTable *table, int value);

/** tn_enum_from_string: the value of @word, or -1 when no row has it. NULL is never found. */
int tn_enum_from_string(const TnEnumTable *table, const char *word);

/** tn_enum_is_refused: TRUE when libvirt knows @word here but Tenon does not support it. */
gboolean tn_enum_is_refused(const TnEnumTable *table, const char *word);

#endif
