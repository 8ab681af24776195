#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The box's first program: loads modules, makes a root out of the host's / and a tmpfs, hands over.
export PATH=/bin
/bin/busybox mount -t devtmpfs dev /dev
bb=/bin/busybox
$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys

fail() {
    echo "box: $*" >/dev/ttyS0
    $bb poweroff -f
}

for word in $($bb cat /proc/cmdline); do
    case $word in
    tenon.job=*) job=${word#tenon.job=} ;;
    tenon.results=*) results=${word#tenon.results=} ;;
    esac
done

# What the root needs first; the rest loads while the root is mounted.
while read -r module; do
    $bb insmod "/modules/$module" 2>/dev/null || fail "cannot load $module"
done </modules/first
(while read -r module; do
    $bb insmod "/modules/$module" 2>/dev/null || echo "$module" >>/modules/refused
done </modules/rest) &

$bb mkdir -p /lower /upper /root
$bb mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose,noatime root /lower ||
    fail "cannot mount the host's root"
$bb mount -t tmpfs -o size=75%,mode=755 upper /upper
$bb mkdir /upper/up /upper/work
$bb mount -t overlay -o lowerdir=/lower,upperdir=/upper/up,workdir=/upper/work overlay /root ||
    fail "cannot lay a tmpfs over the root"

$bb mount --move /dev /root/dev
$bb mount --move /proc /root/proc
$bb mount --move /sys /root/sys
$bb mount -t tmpfs -o mode=755 run /root/run
$bb mkdir -p /root/run/box /root/run/lock /root/dev/pts /root/dev/shm /root/dev/hugepages
$bb cp /bin/busybox /stage2 /modules/refused /root/run/box/ 2>/dev/null
wait
[ -e /modules/refused ] && $bb cp /modules/refused /root/run/box/
$bb mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /root/dev/pts
$bb mount -t tmpfs -o mode=1777 shm /root/dev/shm
$bb mount -t hugetlbfs hugetlbfs /root/dev/hugepages
$bb mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
$bb mount -t tracefs tracefs /root/sys/kernel/tracing
$bb ln -sf /proc/self/fd /root/dev/fd
$bb ln -sf /proc/self/fd/0 /root/dev/stdin
$bb ln -sf /proc/self/fd/1 /root/dev/stdout
$bb ln -sf /proc/self/fd/2 /root/dev/stderr
$bb ip link set lo up
$bb hostname tenon-box
if [ -n "$results" ]; then
    $bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=mmap results "/root$results" ||
        fail "cannot mount the results folder"
fi
exec $bb switch_root /root /run/box/busybox sh /run/box/stage2 "$job"
