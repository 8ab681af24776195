# SPDX-License-Identifier: LGPL-2.1-or-later
# The box's second program, in the joined root: runs the job with its streams on virtio ports.
# Ports: 1 status, 2 output, 3 errors, 4 input. Each can be opened once, so a cat stands between.
bb=/run/box/busybox
job=$1
. "$job/streams"   # sets modules, terminal, one_stream, has_input

# The first number of /dev/vport1p2 is the device's place among all virtio devices.
for port in /dev/vport*p1; do
    ports=${port%p1}p
done

kernel=$($bb uname -r)
if [ -n "$modules" ] && [ -d "$modules" ]; then
    $bb mkdir -p "/lib/modules/$kernel"
    $bb mount --bind "$modules" "/lib/modules/$kernel"
fi
[ -s /run/box/refused ] && echo "box: not loaded: $($bb tr '\n' ' ' </run/box/refused)" >/dev/ttyS0

if [ -n "$terminal" ]; then
    exec 3<>/dev/hvc0
    $bb stty $terminal <&3
    echo started >"$ports"1
    $bb setsid -c /bin/sh "$job/command" </dev/hvc0 >/dev/hvc0 2>&1
    status=$?
else
    cd /run/box || exit
    $bb mkfifo out err
    $bb cat out >"$ports"2 &
    pumps=" $! "
    if [ -n "$one_stream" ]; then
        errors=out
    else
        $bb cat err >"$ports"3 &
        pumps="$pumps$! "
        errors=err
    fi
    echo started >"$ports"1
    if [ -n "$has_input" ]; then
        $bb mkfifo in
        while read -r size && [ "$size" != 0 ]; do
            $bb dd bs="$size" count=1 iflag=fullblock 2>/dev/null
        done <"$ports"4 >in &
        $bb setsid /bin/sh "$job/command" <in >out 2>$errors
    else
        $bb setsid /bin/sh "$job/command" </dev/null >out 2>$errors
    fi
    status=$?
    # Whatever the script left behind would keep the streams open.
    for entry in /proc/[0-9]*; do
        pid=${entry#/proc/}
        case $pid in 1) continue ;; esac
        case $pumps in *" $pid "*) continue ;; esac
        kill -9 "$pid" 2>/dev/null
    done
    for pump in $pumps; do
        wait "$pump"
    done
fi
$bb sync
echo "exit $status" >"$ports"1
# The one who reads this ends the machine.
while :; do $bb sleep 1000; done
