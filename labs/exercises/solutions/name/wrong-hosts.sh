# deserves: 5 of 6
# A list of its own.
echo "{lan}.2 web web.{zone}" >> /etc/hosts
