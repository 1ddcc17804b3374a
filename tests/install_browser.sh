#!/usr/bin/env bash
# Makes sure that Chromium is there for the browser tests: Debian's, through apt where that is allowed.
# Prints its path; ends with an error and the reason when there is none.
set -euo pipefail
find_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
if find_browser; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "no Chromium, and no apt to install it" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "no Chromium, and no right to install it (apt-get install chromium)" >&2
    exit 1
  fi
  as_root=(sudo -n)
fi
{
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
} >&2
find_browser
