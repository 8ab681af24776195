# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ./check runs: builds, chooses tests, counts, sums up."""

import os
import sys

sys.dont_write_bytecode = True

import box_cases  # noqa: E402
import lint  # noqa: E402
import meson_tests  # noqa: E402
import tally as counting  # noqa: E402

BUILD = "build"
PARTS = ("unit", "box", "lint")
USAGE = """Usage: ./check [unit|box|lint|NAME]...

Installs what is missing, builds, runs the tests and ends with "N passed, N failed, N skipped".
unit: all tests that meson knows. box: those that need guests. lint: clang, sanitizers, clang-tidy,
cppcheck. NAME: tests of either kind whose name contains it. Without a word: everything."""


def check(words):
    """Run what `words` ask for. Returns the exit status."""
    tally = counting.Tally()
    parts = [word for word in words if word in PARTS]
    names = [word for word in words if word not in PARTS]
    everything = not words
    try:
        tally.say("building (gcc, warnings are errors)")
        meson_tests.build(BUILD, ["-Dwerror=true"])
        known = meson_tests.known(BUILD)
        chosen = []
        if everything or "unit" in parts:
            chosen = known
        elif names:
            chosen = meson_tests.select(known, names)
        images = box_cases.guest_images(tally)
        if images:
            # Tests of loading kernels take a real one.
            os.environ["TENON_TEST_KERNEL"] = images["KERNEL"]
        if chosen:
            tally.say(f"{len(chosen)} test programs")
            meson_tests.count(tally, BUILD, chosen)
        if everything or "lint" in parts:
            lint.count(tally)
        if images and (everything or "box" in parts):
            box_cases.count(tally, box_cases.select([]))
        elif images and names:
            box_cases.count(tally, box_cases.select(names))
    except meson_tests.BuildError as error:
        tally.point("build", False, str(error))
    except KeyboardInterrupt:
        tally.point("interrupted", False)
    return tally.finish()


if __name__ == "__main__":
    if "--help" in sys.argv or "-h" in sys.argv:
        print(USAGE)
        sys.exit(0)
    sys.exit(check(sys.argv[1:]))
