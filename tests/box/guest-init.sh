#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The test guest's first and only program: reports what changes, obeys commands typed on its console.
#
# Reports go through the kernel's log, so that no other message can stand in the middle of one:
#   TENON-GUEST init                       the first thing that runs
#   TENON-GUEST ready MemTotal=N kB cpus=N everything below works from here on
#   TENON-GUEST MemTotal=N kB              whenever it changes
#   TENON-GUEST bye poweroff|reboot        the power button, or a command
# Commands: mem, blocks, acpi-errors, pin MIB, unpin, run COMMAND, sh, poweroff, reboot.
# Kernel command line: tenon.online=online_movable|online|online_kernel|offline (the first is default).
#
# A new process costs tens of milliseconds where this runs, so the shell's own means come first.
mount -t devtmpfs dev /dev
say() {
    echo "<1>TENON-GUEST $*" >/dev/kmsg
}
say init
mount -t proc proc /proc
mount -t sysfs sys /sys
echo on >/proc/sys/kernel/printk_devkmsg

mem_total() {
    read -r name value unit </proc/meminfo
    total="$value $unit"
}

leave() {
    say "bye $1"
    "$1" -f
}

online=online_movable
read -r words </proc/cmdline
for word in $words; do
    case $word in
    tenon.online=*) online=${word#tenon.online=} ;;
    esac
done
echo "$online" >/sys/devices/system/memory/auto_online_blocks

load() {
    while read -r module; do
        loaded=${module%.ko}
        [ -e "/sys/module/${loaded//-/_}" ] || insmod "/modules/$module" 2>/dev/null
    done <"/modules/$1.list"
}

for file in /sys/bus/pci/devices/*/vendor; do
    [ -e "$file" ] && read -r vendor <"$file" && [ "$vendor" = 0x1af4 ] && load virtio && break
done
for file in /sys/bus/pci/devices/*/class; do
    [ -e "$file" ] && read -r class <"$file" && [ "$class" = 0x010802 ] && load nvme && break
done
load button
for event in /dev/input/event*; do
    if [ -e "$event" ]; then
        # Opened here, so that a button pressed as soon as we are ready is heard by whoever reads. The
        # first thing that it says is that it was pressed.
        exec 3<"$event"
        (dd of=/dev/null bs=24 count=1 <&3 2>/dev/null && leave poweroff) &
        exec 3<&-
    fi
done

# Every event of the kernel's about memory wakes the watcher; a balloon's changes come without one.
mkfifo /tmp/wake
mem_total
watch_memory() {
    told=$total
    while :; do
        read -r -t 1 _
        mem_total
        if [ "$total" != "$told" ]; then
            told=$total
            say "MemTotal=$total"
        fi
    done <>/tmp/wake
}
watch_memory &
uevent /event >/dev/null 2>&1 &

set -- /sys/devices/system/cpu/cpu[0-9]*
say "ready MemTotal=$total cpus=$#"

acpi_errors() {
    dmesg | grep -E 'ACPI (BIOS )?(Error|Warning|Exception)|ACPI.*(Invalid|[Ff]ail)' >/tmp/errors
    count=0
    while read -r line; do
        say "acpi-error: $line"
        count=$((count + 1))
    done </tmp/errors
    say "acpi-errors=$count"
}

# Pages of a RAM disk cannot move, so the kernel refuses to give back the memory they lie in. New
# memory above 4 GiB is used first if it was onlined as "online" (as "online_movable" never). Such
# memory may stay in use for other reasons after an unpin.
pin() {
    insmod /modules/brd.ko rd_nr=1 "rd_size=$(($1 * 1024))"
    dd if=/dev/zero of=/dev/ram0 bs=1M count="$1" 2>/dev/null && sync
    say "pinned $1 MiB"
}

blocks() {
    for block in /sys/devices/system/memory/memory*; do
        read -r state <"$block/state"
        read -r zones <"$block/valid_zones"
        say "block ${block##*/memory} $state $zones"
    done
}

while :; do
    if ! read -r command rest; then
        # No console to read from: the reports and the power button still work.
        sleep 1000
        continue
    fi
    case $command in
    mem)
        mem_total
        say "MemTotal=$total"
        ;;
    blocks) blocks ;;
    acpi-errors) acpi_errors ;;
    pin) pin "${rest:-64}" ;;
    unpin) rmmod brd && say unpinned ;;
    poweroff | reboot) leave "$command" ;;
    sh) setsid cttyhack sh ;;
    run)
        sh -c "$rest" >/tmp/output 2>&1 </dev/null
        status=$?
        while read -r line; do
            say "out: $line"
        done </tmp/output
        say "exit=$status"
        ;;
    '') ;;
    *) say "unknown command: $command" ;;
    esac
done
