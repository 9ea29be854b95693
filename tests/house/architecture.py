#!/usr/bin/python3
"""Compares the list in README's "Architecture" with the tree: every room and folder is in it, all that is in it exists, and the rooms stand in
the order in which they may include each other (layers.py)."""
import os
import re
import sys

sys.dont_write_bytecode = True         # in somebody's clone
from layers import CLIENTS, ROOMS  # noqa: E402


def main(source):
    with open(os.path.join(source, 'README.md'), encoding='utf-8') as f:
        section = re.search(r'(?ms)^## Architecture\n(.*?)(^## |\Z)', f.read())
    if not section:
        print('README.md has no section "Architecture"')
        return 1
    listed = re.findall(r'(?m)^    ([a-z][\w/.-]*) {2,}\S', section.group(1))
    found = ['README.md lists %s, which there is not' % path for path in listed if not os.path.exists(os.path.join(source, path))]
    src = sorted(n for n in os.listdir(os.path.join(source, 'src')) if os.path.isdir(os.path.join(source, 'src', n)) or n.endswith('.c'))
    there = ['src/' + n for n in src]
    there += [n for n in sorted(os.listdir(source)) if os.path.isdir(os.path.join(source, n)) and n != 'src' and
              not n.startswith(('.', 'build', 'rootfs'))]
    found += ['README.md does not list %s' % path for path in there if path not in listed]
    rooms = [path[4:] for path in listed if path.startswith('src/') and not path.endswith('.c')]
    expected = list(ROOMS) + list(CLIENTS)
    if rooms != expected:
        found.append('README.md lists the rooms as %s; they build on each other as %s' % (', '.join(rooms), ', '.join(expected)))
    if len(listed) != len(set(listed)):
        found.append('README.md lists something twice')
    print('\n'.join(found) or '%d places, as in the tree' % len(listed))
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
