#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The box, or the host that stands in for it, is what the other cases take it for.
number=0
check() {
    name=$1
    shift
    number=$((number + 1))
    if "$@" >"$TENON_SCRATCH/said" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/# /' "$TENON_SCRATCH/said"
    fi
}
in_box() {
    if [ -n "$TENON_BOX" ]; then
        check "$@"
    else
        number=$((number + 1))
        echo "ok $number - $1 # SKIP this is no box but a host with KVM"
    fi
}

check kvm-is-usable /usr/bin/python3 "$TENON_SOURCE/tests/box/host_kvm.py"
check loopback-answers sh -c 'ip -o addr show lo | grep -q 127.0.0.1'
in_box nested-paging-is-on grep -q Y /sys/module/kvm_amd/parameters/npt
in_box root-can-be-written sh -c 'echo x >/etc/tenon-box-was-here && rm /etc/tenon-box-was-here'
in_box run-is-empty-and-writable mkdir /run/tenon-box-was-here
in_box cgroups-are-mounted test -e /sys/fs/cgroup/cgroup.procs
in_box devices-have-iommu-groups sh -c 'ls /sys/kernel/iommu_groups | grep -q .'
in_box vfio-is-there test -c /dev/vfio/vfio
in_box modules-can-be-loaded modprobe dummy
echo "1..$number"
