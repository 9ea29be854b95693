#!/usr/bin/python3
"""The man pages are sound roff, refer to pages that exist, and say of options, interfaces, errors and actions what the program has.

    man.py NOVA_COMPUTE SOURCE PAGE…       PAGE: those of the build; those in data/man are looked at, too
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

SPECIAL = {'config-file', 'config-dir', 'flagfile', 'show-config', 'recover-dry-run', 'help', 'version'}


def text_of(page):
    """The page as a reader has it, in a column so wide that no name is broken."""
    text = subprocess.run(['mandoc', '-Tutf8', '-Owidth=1000', page], check=True, stdout=subprocess.PIPE, text=True).stdout
    return re.sub(r'.\x08', '', text)          # bold and underlined


def options_of(program):
    """(those with an effect, those without), as group.name."""
    text = subprocess.run([program, '--help'], check=True, stdout=subprocess.PIPE, text=True, env={}).stdout
    group, name, found = None, None, (set(), set())
    for line in text.splitlines():
        heading, option = re.fullmatch(r'\[(\S+)\]', line), re.match(r'  --(\S+)', line)
        if heading:
            group = heading.group(1)
        elif option and group:
            name = group + '.' + (option.group(1) if group == 'DEFAULT' else option.group(1)[len(group) + 1:])
        elif name and re.match(r'        \((string|integer|float|boolean|list|multi-valued string)\b', line):
            found['; no effect' in line or '; not used by this version' in line].add(name)
            name = None
    return found


def main(program, source, pages):
    if not shutil.which('mandoc'):
        print('skipped: mandoc is not installed')
        return 77
    found = []
    pages = pages + glob.glob(os.path.join(source, 'data', 'man', '*.[1-8]'))
    by_name = {os.path.basename(p): p for p in pages}
    for page in pages:
        lint = subprocess.run(['mandoc', '-Tlint', '-Wwarning', page], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        found += lint.stdout.splitlines()
        with open(page, encoding='utf-8') as f:
            for name, number in re.findall(r'(?m)^\.BR (\S+) \((\d)\)', f.read()):
                name = name.replace('\\-', '-')
                if re.match(r'nova|org\.nova', name) and '%s.%s' % (name, number) not in by_name:
                    found.append('%s refers to %s(%s), which there is not' % (page, name, number))

    # nova.conf(5): the options that have an effect, all and no others
    group, shown = None, set()
    with open(by_name['nova.conf.5'], encoding='utf-8') as f:
        for line in f.read().replace('\\-', '-').splitlines():
            section, option = re.match(r'\.SH "SECTION \[(\S+)\]"', line), re.match(r'\.B (\w+) =', line)
            group = section.group(1) if section else group
            if option:
                shown.add('%s.%s' % (group, option.group(1)))
    effective, idle = options_of(program)
    found += ['nova.conf(5) lacks %s' % o for o in sorted(effective - shown)]
    found += ['nova.conf(5) has %s, which %s' % (o, 'has no effect' if o in idle else 'is no option') for o in sorted(shown - effective)]
    if len(shown) < 200:
        found.append('nova.conf(5) has %d options only' % len(shown))

    # nova-compute(8): what is no option of the table
    usage = subprocess.run([program, '--help'], check=True, stdout=subprocess.PIPE, text=True, env={}).stdout.split('\n[')[0]
    with open(by_name['nova-compute.8'], encoding='utf-8') as f:
        text = f.read().replace('\\-', '-')
    there = set(re.findall(r'(?m)^  (?:-\w, )?--([a-z-]+)', usage))
    if there != SPECIAL:
        found.append('--help has %s: write of it in nova-compute(8) and here' % sorted(there ^ SPECIAL))
    found += ['nova-compute(8) lacks --%s' % o for o in sorted(there) if not re.search(r'(?m)^\.B[IR]? .*--%s\b' % o, text)]

    # org.nova.Compute1(5)
    text = text_of(by_name['org.nova.Compute1.5'])
    for path in sorted(glob.glob(os.path.join(source, 'dbus', 'org.nova.Compute1.*.xml'))):
        interface = ET.parse(path).getroot().find('interface')
        part = re.search(r'(?ms)^%s$(.*?)^\S' % re.escape(interface.get('name')), text)
        if not part:
            found.append('org.nova.Compute1(5) lacks %s' % interface.get('name'))
            continue
        for m in interface:
            if m.tag in ('method', 'signal', 'property') and not re.search(r'(?m)^ +%s ?\(' % m.get('name'), part.group(1)):
                found.append('org.nova.Compute1(5) lacks %s of %s' % (m.get('name'), interface.get('name')))
    used = set()
    for path in glob.glob(os.path.join(source, 'src', 'bus', '*.[ch]')) + glob.glob(os.path.join(source, 'src', 'compute', '*.[ch]')):
        with open(path, encoding='utf-8') as f:
            used |= set(re.findall(r'"(org\.nova\.Compute1\.Error\.\w+)"', f.read()))
    for name in sorted(used):
        if not re.search(r'(?m)^ +%s$' % re.escape(name), text):
            found.append('org.nova.Compute1(5) lacks %s: it belongs into src/bus/errors.h' % name)
    if re.search('(?m)^ +Not described', text) or len(used) < 8:
        found.append('src/bus/errors.h: an error has no comment on its line that says when it is answered')
    for action in re.findall(r'action id="(\S+)"', open(os.path.join(source, 'polkit', 'org.nova.compute1.policy.in'), encoding='utf-8').read()):
        if not re.search(r'(?m)^ +%s$' % re.escape(action), text):
            found.append('org.nova.Compute1(5) lacks the action %s' % action)

    # what the units name
    for unit in glob.glob(os.path.join(source, 'systemd', '*.in')):
        with open(unit, encoding='utf-8') as f:
            for name, number in re.findall(r'man:(nova\S*|org\.nova\S*)\((\d)\)', f.read()):
                if '%s.%s' % (name, number) not in by_name:
                    found.append('%s names %s(%s), which there is not' % (unit, name, number))
    print('\n'.join(found) or '%d pages, %d options, %d errors' % (len(pages), len(shown), len(used)))
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
