#!/usr/bin/env bash
# Gives a Debian 12 machine on which rustup can download no target a Rust that compiles to
# wasm32v1-none: Debian's rustc-web, with core, alloc and compiler_builtins built once from its
# sources and put where an installed target would be.
#
# `cargo xtask setup` runs this where it is needed. It needs root, and does nothing where it has been
# done for the compiler that is there.
set -euo pipefail

lib=/usr/lib/rustlib/wasm32v1-none/lib
packages=(rustc-web cargo-web rust-web-src rust-web-llvm rust-web-clippy rustfmt-web)

if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
	export DEBIAN_FRONTEND=noninteractive
	apt-get -o DPkg::Lock::Timeout=300 update -q ||
		echo "some package lists could not be refreshed; going on with what is there"
	apt-get -o DPkg::Lock::Timeout=300 install -q -y --no-install-recommends "${packages[@]}"
fi

# The linker is a link to one that Debian only recommends; its package has the linker's name.
if [[ ! -e /usr/bin/rust-lld ]]; then
	apt-get -o DPkg::Lock::Timeout=300 install -q -y --no-install-recommends \
		"$(readlink /usr/bin/rust-lld)"
fi

version=$(/usr/bin/rustc --version)
if [[ $(cat "$lib/.rustc" 2>/dev/null || true) == "$version" ]]; then
	echo "wasm32v1-none is there for $version"
	exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
printf '[package]\nname = "seed"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' \
	>"$work/Cargo.toml"
printf '#![no_std]\n' >"$work/src/lib.rs"
cd "$work"
# The runtime is linked with LTO, which wants the bitcode of the standard library too.
env -u CARGO_TARGET_DIR -u CARGO_BUILD_TARGET_DIR -u RUSTUP_TOOLCHAIN -u RUSTC \
	-u CARGO_ENCODED_RUSTFLAGS PATH="/usr/bin:$PATH" RUSTC_BOOTSTRAP=1 \
	RUSTFLAGS=-Cembed-bitcode=yes CARGO_PROFILE_RELEASE_LTO=off \
	/usr/bin/cargo build --release -Zbuild-std=core,alloc,compiler_builtins --target wasm32v1-none

mkdir -p "$lib"
rm -f "$lib"/*.rlib "$lib/.rustc"
cp target/wasm32v1-none/release/deps/lib{core,alloc,compiler_builtins}-*.rlib "$lib/"
# Last, because it is what says that the others are complete.
echo "$version" >"$lib/.rustc"
chmod -R a+rX "${lib%/lib}"
echo "wasm32v1-none installed for $version"
