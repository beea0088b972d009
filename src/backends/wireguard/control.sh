# Runs a program of WireGuard that finds control sockets in the current directory.
#
#   sh control.sh wireguard-go -f flannel-wg
#   sh control.sh wg show flannel-wg
#
# wireguard-go makes /run/wireguard/DEVICE.sock, and wg looks for it there. There is one such directory on a machine, and devices
# of several hosts have the same name. So each program gets a mount namespace in which that directory is its host's own.
set -eu
exec unshare --mount --propagation private sh -c '
  mount -t tmpfs -o mode=0700 tmpfs /run
  mkdir /run/wireguard
  mount --no-canonicalize --bind . /run/wireguard
  exec "$@"
' sh "$@"
