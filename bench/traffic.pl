# Both ends of the traffic that port-block.ts measures. Perl, because every Debian and Ubuntu has it and it adds least to the kernel's own work.
#   traffic.pl serve              on port 22 takes whatever comes; on port 80 says one byte and closes; says "ready" when both listen
#   traffic.pl send ADDRESS PORT STREAMS SECONDS       bytes a second
#   traffic.pl connect ADDRESS PORT WORKERS SECONDS    connections a second
use strict;
use warnings;
use Socket qw(:all);
use Time::HiRes qw(time);

my $part = 256 * 1024;

sub listening {
  my ($port) = @_;
  socket(my $socket, AF_INET, SOCK_STREAM, 0) or die "socket: $!";
  setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
  bind($socket, sockaddr_in($port, INADDR_ANY)) or die "bind $port: $!";
  listen($socket, 4096) or die "listen: $!";
  return $socket;
}

sub connected {
  my ($address, $port) = @_;
  socket(my $socket, AF_INET, SOCK_STREAM, 0) or die "socket: $!";
  connect($socket, sockaddr_in($port, inet_aton($address))) or die "connect $address:$port: $!";
  return $socket;
}

sub serve {
  $SIG{CHLD} = 'IGNORE';
  my ($sink, $greeter) = (listening(22), listening(80));
  if (fork() == 0) {
    while (accept(my $line, $sink)) {
      next if fork() != 0;
      my $data;
      1 while sysread($line, $data, $part);
      exit;
    }
  }
  for (1 .. 2) {
    next if fork() != 0;
    while (accept(my $line, $greeter)) {
      syswrite($line, '.');
      close($line);
    }
  }
  $| = 1;
  print "ready\n";
  # With the reader of our input all of us go.
  sysread(STDIN, my $nothing, 1);
  kill 'KILL', -getpgrp();
}

# Runs the work in several processes and adds up the numbers that they give.
sub together {
  my ($workers, $work) = @_;
  my @readers;
  for (1 .. $workers) {
    pipe(my $reader, my $writer) or die "pipe: $!";
    if (fork() == 0) {
      print $writer $work->();
      close($writer);
      exit;
    }
    push @readers, $reader;
    close($writer);
  }
  my $sum = 0;
  $sum += readline($_) for @readers;
  return $sum;
}

sub sent {
  my ($address, $port, $seconds) = @_;
  my ($socket, $data, $bytes) = (connected($address, $port), 'x' x $part, 0);
  my $from = time();
  while (time() - $from < $seconds) { $bytes += syswrite($socket, $data) // die "write: $!"; }
  return $bytes / (time() - $from);
}

sub connections {
  my ($address, $port, $seconds) = @_;
  my ($count, $from) = (0, time());
  while (time() - $from < $seconds) {
    my $socket = connected($address, $port);
    sysread($socket, my $byte, 1) or die "read: $!";
    # Ended by a reset: no end waits, so that ports do not run out.
    setsockopt($socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
    close($socket);
    $count += 1;
  }
  return $count / (time() - $from);
}

my ($deed, $address, $port, $workers, $seconds) = @ARGV;
if ($deed eq 'serve') { serve(); }
elsif ($deed eq 'send') { print together($workers, sub { sent($address, $port, $seconds) }), "\n"; }
elsif ($deed eq 'connect') { print together($workers, sub { connections($address, $port, $seconds) }), "\n"; }
