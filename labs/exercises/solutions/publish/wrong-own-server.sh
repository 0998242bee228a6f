# deserves: 0 of 6
# The host has a page of its own.
mkdir -p /tmp/page
cd /tmp/page
printf 'I am web' > index.html
python3 -m http.server {port} > /dev/null 2>&1 &
sleep 1
