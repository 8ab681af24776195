# SPDX-License-Identifier: LGPL-2.1-or-later
"""The outer form of every file: licence line, length, width, names."""

import re

import tree

LICENCE = "SPDX-License-Identifier: LGPL-2.1-or-later"
LICENCE_WITHIN_LINES = 8
MAX_LINES = 800
MAX_COLUMNS = 100

# Files whose format has no place for a comment, or whose text is somebody else's output.
NO_COMMENT_SUFFIXES = {".json", ".png", ".bin", ".expected", ".hex", ".svg", ".xml", ".txt"}
DATA_FOLDERS = ("tests/xml-data", "tests/qmp-data", "tests/wire-data")


def is_data(path):
    """Whether a file is test data, which is as its subject wants it."""
    return str(path).startswith(DATA_FOLDERS)


def without_licence():
    """Files that do not state the licence near their top."""
    for path in tree.files():
        if path.suffix in NO_COMMENT_SUFFIXES or is_data(path) or path.name == "COPYING":
            continue
        head = tree.text(path).splitlines()[:LICENCE_WITHIN_LINES]
        if not any(LICENCE in line for line in head):
            yield path


def too_long():
    """Files of code with more lines than a reader should be asked to take in."""
    for path in tree.code():
        lines = tree.text(path).count("\n")
        if lines > MAX_LINES:
            yield f"{path}: {lines} lines, at most {MAX_LINES}"


def c_lines():
    """Every line of C with its place."""
    for path in tree.code():
        if path.suffix in (".c", ".h"):
            for number, line in enumerate(tree.text(path).splitlines(), 1):
                yield f"{path}:{number}", line


def badly_named():
    """Files of code whose names are not kebab-case."""
    for path in tree.code():
        if path.suffix in (".c", ".h") and not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", path.stem):
            yield path


def main():
    """One test point for each rule."""
    tap = tree.Tap()
    tap.rule("/form/licence-line", without_licence())
    tap.rule("/form/at-most-800-lines", too_long())
    tap.rule("/form/at-most-100-columns",
             [f"{place}: {len(line)} columns" for place, line in c_lines()
              if len(line) > MAX_COLUMNS])
    tap.rule("/form/no-tab", [place for place, line in c_lines() if "\t" in line])
    tap.rule("/form/no-space-at-line-end",
             [place for place, line in c_lines() if line != line.rstrip()])
    tap.rule("/form/kebab-case-names", badly_named())
    tap.finish()


if __name__ == "__main__":
    main()
