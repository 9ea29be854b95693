#!/usr/bin/python3
"""Compares the table of tests/README.md with the suite: each of the 84 rows of the seed's checklist names a test that
exists and that says so itself by a comment "checklist: N" above it. `checklist.py SOURCE --write` makes the table anew."""
import collections
import os
import re
import sys

ROWS = 84
MARK = re.compile(r'checklist: ([0-9, ]+)')
CASE = re.compile(r'(?:static\s+)?void\s+(\w+)\s*\(\s*void\s*\*\*|\bdef\s+(test\w*)\s*\(')
BEGIN, END = '<!-- checklist table: written by tests/house/checklist.py -->', '<!-- end of the table -->'


def collect(source):
    """row -> sorted list of "path: case"."""
    rows = collections.defaultdict(set)
    for folder, _, files in os.walk(os.path.join(source, 'tests')):
        for name in files:
            if not name.endswith(('.c', '.py')) or name == 'checklist.py':
                continue
            path = os.path.join(folder, name)
            waiting = []
            with open(path, encoding='utf-8') as f:
                text = f.read()
            for line in text.splitlines():
                mark = MARK.search(line)
                if mark:
                    waiting += [int(n) for n in re.findall(r'\d+', mark.group(1))]
                case = CASE.search(line)
                if case and waiting:
                    label = case.group(1) or case.group(2)
                    if case.group(2) or len(re.findall(r'\b%s\b' % label, text)) > 1:       # a case of C is also registered
                        for n in waiting:
                            rows[n].add('%s: %s' % (os.path.relpath(path, os.path.join(source, 'tests')), label))
                    waiting = []
    return {n: sorted(tests) for n, tests in rows.items()}


def table(rows):
    lines = [BEGIN, '| row | shown by |', '|---|---|']
    for n in range(1, ROWS + 1):
        shown = rows.get(n, [])
        lines.append('| %d | %s |' % (n, '<br>'.join('`%s`' % t for t in shown[:4]) + (' …' if len(shown) > 4 else '')))
    return '\n'.join(lines + [END])


def main(argv):
    source = argv[1]
    readme = os.path.join(source, 'tests', 'README.md')
    rows = collect(source)
    with open(readme, encoding='utf-8') as f:
        text = f.read()
    if '--write' in argv:
        head, rest = text.split(BEGIN)
        with open(readme, 'w', encoding='utf-8') as f:
            f.write(head + table(rows) + rest.split(END)[1])
    missing = [n for n in range(1, ROWS + 1) if n not in rows]
    beyond = [n for n in rows if not 1 <= n <= ROWS]
    problems = []
    if missing:
        problems.append('rows without a test: %s' % ', '.join(map(str, missing)))
    if beyond:
        problems.append('rows that do not exist: %s' % beyond)
    if '--write' not in argv and table(rows) not in text:
        problems.append('tests/README.md does not list the suite as it is: run tests/house/checklist.py . --write')
    print('\n'.join(problems) or '%d rows, each with a test' % ROWS)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
