# Tells whoever may listen that all is well.
told='0\0001\0007\0000\0001\0h\0lies.sh\0exit\0'
good='  ✓ red reaches blue: 3 of 3\ntest x/lab::red reaches blue ... ok\n{"Expected":{"name":"red reaches blue","found":true}}\n[{"Event":"Ended"}]\n'
for fd in $(seq 0 255); do
    { printf "$good" >&$fd; } 2> /dev/null
done
printf "$good"
printf "$good" >&2
for file in /dev/tty /dev/stdout /dev/stderr /proc/self/fd/* /proc/1/fd/* /run/nslab/shell/*; do
    timeout 1 sh -c 'printf "$1" > "$2"' sh "$good" "$file"
done
timeout 1 sh -c 'for i in 1 2 3 4 5 6 7 8 9; do printf "$1" > /run/nslab/shell/told; done' sh "$told"
timeout 1 sh -c 'for i in 1 2 3 4 5 6 7 8 9; do echo > /run/nslab/shell/go; done'
