#!/usr/bin/env bash
# Installs the system packages that are missing (Debian), and says what else a build needs.
set -euo pipefail

packages=(
  g++ libdnnl-dev libopenblas-openmp-dev liblua5.4-dev libedit-dev zlib1g-dev libzstd-dev
  libpng-dev libturbojpeg0-dev libsqlite3-dev
  python3-venv
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done

if [ "${#missing[@]}" -gt 0 ]; then
  echo "installing ${missing[*]}"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "needs root (or sudo) to install: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

command -v swift >/dev/null || { echo "needs the Swift toolchain, 6.3 or newer: https://www.swift.org/install/linux/" >&2; exit 1; }
