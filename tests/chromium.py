"""The browser that tests drive."""

import shutil

# Chromium without windows needs half the processor that one with hidden windows does.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
WHY_NOT = "neither chromium-headless-shell nor chromium is installed: run `.ci/deps test`"
