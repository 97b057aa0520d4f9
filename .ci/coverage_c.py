"""Line coverage of src/simd by gcov, over all instruction sets and dtypes: a line counts once.

python .ci/coverage_c.py BUILD [LEAST]: the folder of a build with --coverage whose tests have run,
and the percentage below which the exit status is 1.
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path


def counts(note, root):
    """(file, line, times run) of every line compiled into one object, each template anew."""
    command = ["gcov", "--stdout", "--json-format", note.name]
    text = subprocess.run(command, cwd=note.parent, capture_output=True, check=True, text=True)
    for report in map(json.loads, text.stdout.splitlines()):
        for file in report["files"]:
            path = (root / file["file"]).resolve()
            if path.is_relative_to(root / "src" / "simd"):
                for line in file["lines"]:
                    yield path.name, line["line_number"], line["count"]


def main(build, least="0"):
    """Print the table; 1 where less than ``least`` percent of the lines have run."""
    root = Path(build).resolve()
    times = defaultdict(lambda: defaultdict(int))
    notes = [n for n in root.glob("build/**/*.gcno") if n.parent.name == "simd"]
    for note in notes:
        for name, line, count in counts(note, root):
            times[name][line] += count
    print(f"{'file':28}{'lines':>7}{'run':>7}{'percent':>9}  not run")
    total = run = 0
    for name, lines in sorted(times.items()):
        missed = sorted(line for line, count in lines.items() if count == 0)
        total, run = total + len(lines), run + len(lines) - len(missed)
        share = 100 * (1 - len(missed) / len(lines))
        print(f"{name:28}{len(lines):7}{len(lines) - len(missed):7}{share:9.1f}  {missed or ''}")
    share = 100 * run / total if total else 0
    print(f"{'all':28}{total:7}{run:7}{share:9.1f}  in {len(notes)} objects")
    return 0 if share >= float(least) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
