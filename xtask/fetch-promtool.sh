#!/usr/bin/env bash
# Takes promtool out of Debian's package prometheus and puts it where the argument says. Installed, the
# package would start a server.
#
# `cargo xtask setup` runs this where it is needed. Only where the package lists are missing it needs
# root.
set -euo pipefail

to=$(realpath -m "${1:?give the file to write, such as ~/.local/bin/promtool}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

if ! apt-get -q download prometheus; then
	as_root=()
	((EUID == 0)) || as_root=(sudo -n)
	"${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update
	apt-get -q download prometheus
fi
dpkg-deb --extract prometheus_*.deb package
install -D package/usr/bin/promtool "$to"
"$to" --version
