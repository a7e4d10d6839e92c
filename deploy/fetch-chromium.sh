#!/usr/bin/env bash
# Makes sure that there is a Chromium and a Japanese font, for the tests that open the report in a real browser.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null && [ -n "$(fc-list :lang=ja 2>/dev/null | head -n 1)" ]; then exit 0; fi
done
if ! command -v apt-get >/dev/null; then
  echo "install Chromium and a Japanese font, or set HOUSESTYLE_CHROMIUM" >&2
  exit 1
fi
sudo=""
[ "$(id -u)" -eq 0 ] || sudo=sudo
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends chromium fontconfig fonts-ipafont-gothic >/dev/null
