#!/usr/bin/env python3
"""Plants bugs, one after another, and demands that the tests which should catch them do.

Usage: .ci/planted.py [NAME...]
       .ci/planted.py --check    only whether each patch applies and its tests exist

Each `.ci/planted/NAME.patch` begins with a sentence about the bug and lines `Caught by: TEST [TEST...]`, then the diff. The
script applies it to a copy of the tree, runs each of these tests alone, and demands that each fails. Before that, all of
them must pass on the copy without a bug. A patch that no longer applies or compiles is an error: the bug has to be planted
anew.

The copy and what is built of it are kept under `target/planted/`, so that each bug costs one incremental build. It takes
about half an hour on two cores: it is run by hand after changes to the tests, and every week by CI.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPY = ROOT / "target/planted/tree"
PATCHES = ROOT / ".ci/planted"
LONGEST = 1_800  # seconds that a test may take
ENVIRONMENT = os.environ | {
    "CARGO_TARGET_DIR": str(ROOT / "target/planted/target"),
    "GIT_CEILING_DIRECTORIES": str(COPY.parent),  # the copy is not this repository
    "RUST_BACKTRACE": "0",
    "SIMULATION_SCHEDULES": "400",  # a bug that the simulation catches is caught by one of the first few hundred
}


class Mistake(Exception):
    """Something that is wrong with a patch, or with the tests without it."""


def run(*command, **options):
    return subprocess.run(command, cwd=COPY, env=ENVIRONMENT, text=True, capture_output=True, **options)


def copy_tree():
    """Brings the copy up to date. Files that are equal keep their time of change, so that nothing is built again."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = {name for name in subprocess.check_output(listed, text=True).split("\0") if (ROOT / name).is_file()}
    for name in files:
        source, target = ROOT / name, COPY / name
        if not target.exists() or source.read_bytes() != target.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for target in COPY.rglob("*"):
        if target.is_file() and str(target.relative_to(COPY)) not in files:
            target.unlink()


def test_binary():
    """Builds the tests. The path of their binary."""
    built = run("cargo", "test", "--locked", "--test", "api", "--no-run")
    if built.returncode != 0:
        raise Mistake(f"it does not compile:\n{built.stderr}")
    return re.search(r"tests/api/main\.rs \((.+)\)", built.stderr)[1]


def passes(binary, test):
    """Whether a test passes."""
    try:
        ended = run(binary, "--exact", test, timeout=LONGEST)
    except subprocess.TimeoutExpired as expired:
        raise Mistake(f"{test} takes longer than {LONGEST} s: whether it catches the bug is not known") from expired
    if "running 1 test" not in ended.stdout:
        raise Mistake(f"there is no test {test}")
    return ended.returncode == 0


def tests_of(patch):
    """The tests that should catch a bug."""
    header = patch.read_text().split("\n--- ", 1)[0]
    tests = [test for line in re.findall(r"^Caught by: (.+)$", header, re.M) for test in line.split()]
    if not tests:
        raise Mistake("it names no test")
    return tests


def plant(patch):
    """Applies a patch, and checks that its tests fail."""
    tests = tests_of(patch)
    applied = run("git", "apply", str(patch))
    if applied.returncode != 0:
        raise Mistake(f"it does not apply:\n{applied.stderr}")
    binary = test_binary()
    passed = [test for test in tests if passes(binary, test)]
    if passed:
        raise Mistake(f"these pass all the same: {', '.join(passed)}")
    return tests


def check():
    """Checks that each patch applies and names tests that exist, so that a change which moves its target notices."""
    listed = ["cargo", "test", "--quiet", "--locked", "--test", "api", "--", "--list", "--format", "terse"]
    existing = set(re.findall(r"^(.+): test$", subprocess.check_output(listed, cwd=ROOT, text=True), re.M))
    wrong = 0
    for patch in sorted(PATCHES.glob("*.patch")):
        applied = subprocess.run(["git", "apply", "--check", str(patch)], cwd=ROOT, text=True, capture_output=True)
        problems = [applied.stderr.strip()] if applied.returncode != 0 else []
        problems += [f"there is no test {test}" for test in tests_of(patch) if test not in existing]
        for problem in problems:
            wrong += 1
            print(f"WRONG    {patch.stem}: {problem}")
    if wrong:
        sys.exit("plant these bugs anew")


def main():
    names = sys.argv[1:]
    if names == ["--check"]:
        return check()
    patches = [PATCHES / f"{name}.patch" for name in names] or sorted(PATCHES.glob("*.patch"))
    copy_tree()
    binary = test_binary()
    for test in sorted({test for patch in patches for test in tests_of(patch)}):
        if not passes(binary, test):
            sys.exit(f"{test} fails without any bug")
    wrong = 0
    for patch in patches:
        try:
            tests = plant(patch)
            print(f"caught   {patch.stem}: {', '.join(tests)}", flush=True)
        except Mistake as mistake:
            wrong += 1
            print(f"WRONG    {patch.stem}: {mistake}", flush=True)
        copy_tree()
    if wrong:
        sys.exit(f"{wrong} of {len(patches)} planted bugs are not caught as they should be")
    print(f"all {len(patches)} planted bugs are caught")


main()
