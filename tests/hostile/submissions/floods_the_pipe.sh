# Tells without end what nobody has run.
timeout 60 sh -c 'while :; do head -c 1000000 /dev/zero; done > /run/nslab/shell/told'
