#!/usr/bin/python3
"""The Debian package is of this version, and what it is built with is installed by `make deb` (tests/lib/packages)."""
import os
import re
import sys


def read(*path):
    with open(os.path.join(*path), encoding='utf-8') as f:
        return f.read()


def main(source):
    found = []
    version = re.search(r"version: '([^']+)'", read(source, 'meson.build')).group(1)
    change = re.match(r'(\S+) \(([^)]+)\)', read(source, 'data', 'debian', 'changelog'))
    if change.groups() != ('nova-compute-native', version):
        found.append('data/debian/changelog is of %s %s, the tree of nova-compute-native %s' % (*change.groups(), version))
    text = read(source, 'tests', 'lib', 'packages')
    installed = set()
    for group in ('build', 'deb'):
        installed |= set(re.search(r'(?ms)^%s="(.*?)"' % group, text).group(1).split())
    wanted = re.search(r'(?ms)^Build-Depends: (.*?)^\S', read(source, 'data', 'debian', 'control')).group(1)
    for package in re.findall(r'(?m)([a-z0-9][a-z0-9.+-]+)[^,]*(?:,|\n)', wanted):
        if package not in installed and not package.startswith(('debhelper-compat', 'dh-sequence-')):
            found.append('tests/lib/packages does not install %s, which data/debian/control builds with' % package)
    print('\n'.join(found) or 'version %s, %d packages' % (version, len(installed)))
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
