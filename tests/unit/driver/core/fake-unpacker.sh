#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Stands for tenon-vmm -x-unpack-kernel. What to do is the first line of the "kernel"; each run
# leaves a line in $TENON_TEST_RUNS.
[ "$*" = -x-unpack-kernel ] || exit 3
read -r what rest
echo "$what" >>"$TENON_TEST_RUNS"
case $what in
good) echo "unpacked $rest" ;;
large) head -c 262144 /dev/urandom ;;
refuse) exit 2 ;;
fail) exit 1 ;;
limits)
    echo "cpu=$(ulimit -t) core=$(ulimit -c) files=$(ulimit -n)"
    echo "nice=$(nice)"
    ;;
endless) exec truncate -s 300M /proc/self/fd/1 ;;
hang)
    echo $$ >"$TENON_TEST_RUNS.pid.new"
    mv "$TENON_TEST_RUNS.pid.new" "$TENON_TEST_RUNS.pid"
    exec sleep 1000
    ;;
esac
