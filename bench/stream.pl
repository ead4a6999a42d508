# Both ends of the streams that go through a bastion (bastion-stream.ts), and the crowd's far ends (ssh-crowd.ts). Perl, because the server has it.
#   stream.pl serve                      on port 8000 sends or takes as many bytes as the first line says; on port 8001 holds whoever comes, in one process
#   stream.pl get|put ADDRESS PORT[,PORT...] BYTES    megabytes a second, all streams together
#   stream.pl busy                       says half a kilobyte ten times a second; a line of input stops it, and another lets it go on
use strict;
use warnings;
use Socket qw(:all);

my $part = 256 * 1024;

sub listening {
  my ($port) = @_;
  socket(my $socket, AF_INET, SOCK_STREAM, 0) or die "socket: $!";
  setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
  bind($socket, sockaddr_in($port, INADDR_ANY)) or die "bind $port: $!";
  listen($socket, 4096) or die "listen: $!";
  return $socket;
}

sub give {
  my ($socket, $bytes) = @_;
  my $data = 'x' x $part;
  while ($bytes > 0) {
    my $sent = syswrite($socket, $data, $bytes < $part ? $bytes : $part) // die "write: $!";
    $bytes -= $sent;
  }
}

sub take {
  my ($socket, $bytes) = @_;
  while ($bytes > 0) {
    my $got = sysread($socket, my $data, $bytes < $part ? $bytes : $part) or die "the stream ended $bytes bytes too early";
    $bytes -= $got;
  }
}

sub serve {
  $SIG{CHLD} = 'IGNORE';
  my ($door, $hall) = (listening(8000), listening(8001));
  if (fork() == 0) {
    my @held;
    while (accept(my $line, $hall)) { push @held, $line; }
  }
  while (accept(my $line, $door)) {
    next if fork() != 0;
    my $order = '';
    while ($order !~ /\n/) { sysread($line, $order, 1, length $order) or exit; }
    my ($deed, $bytes) = split ' ', $order;
    if ($deed eq 'get') { give($line, $bytes); }
    else { take($line, $bytes); syswrite($line, '.'); }
    shutdown($line, 1);
    sysread($line, my $nothing, 1);
    exit;
  }
}

sub streamed {
  my ($deed, $address, $port, $bytes) = @_;
  socket(my $socket, AF_INET, SOCK_STREAM, 0) or die "socket: $!";
  connect($socket, sockaddr_in($port, inet_aton($address))) or die "connect $address:$port: $!";
  syswrite($socket, "$deed $bytes\n");
  if ($deed eq 'get') { take($socket, $bytes); }
  else { give($socket, $bytes); sysread($socket, my $dot, 1) or die 'it was not all taken'; }
}

sub together {
  my ($deed, $address, $ports, $bytes) = @_;
  # Not in the server's small perl.
  require Time::HiRes;
  my $from = Time::HiRes::time();
  my @ports = split /,/, $ports;
  for my $port (@ports) {
    next if fork() != 0;
    streamed($deed, $address, $port, $bytes);
    exit;
  }
  my $failed = 0;
  while (wait() != -1) { $failed = 1 if $? != 0; }
  die 'a stream failed' if $failed;
  return @ports * $bytes / 1e6 / (Time::HiRes::time() - $from);
}

sub busy {
  $| = 1;
  my ($is_on, $line) = (0, ('x' x 500) . "\n");
  while (1) {
    my $ready = '';
    vec($ready, 0, 1) = 1;
    if (select($ready, undef, undef, $is_on ? 0.1 : undef)) {
      sysread(STDIN, my $typed, 4096) or exit;
      $is_on = !$is_on;
    } else { syswrite(STDOUT, $line); }
  }
}

my ($deed, @rest) = @ARGV;
if ($deed eq 'serve') { serve(); }
elsif ($deed eq 'busy') { busy(); }
else { print together($deed, @rest), "\n"; }
