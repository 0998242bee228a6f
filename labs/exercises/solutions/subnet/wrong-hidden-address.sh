# deserves: 5 of 6
# The wrong address is kept, for itself alone.
ip -n blue addr add 10.{net}.7.2/24 dev veth-blue
ip -n blue addr show dev veth-blue | awk '$1 == "inet" && $2 !~ /^10.{net}.7/ { print $2 }' | while read -r wrong; do
    ip -n blue addr del "$wrong" dev veth-blue
    ip -n blue addr add "${wrong%/*}/32" dev veth-blue scope host
done
