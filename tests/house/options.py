#!/usr/bin/python3
"""An option that has an effect is read somewhere in src/, and one that is not says so: --help of the built program against
the sources."""
import glob
import os
import re
import subprocess
import sys

# Read under a name that is put together: "%s_manager" of the topic.
COMPUTED = {'compute_manager', 'network_manager', 'volume_manager', 'scheduler_manager', 'console_manager', 'cert_manager'}

# Members of Nova's network model, too: that such a text stands in the sources does not say that the option is read.
OTHERWISE = {'gateway', 'multi_host'}


def options(program):
    """Yields the name with its group and the line of facts of each option."""
    text = subprocess.run([program, '--help'], check=True, stdout=subprocess.PIPE, text=True, env={}).stdout
    group = name = None
    for line in text.splitlines():
        heading = re.fullmatch(r'\[(\S+)\]', line)
        option = re.match(r'  --(\S+)', line)
        if heading:
            group = heading.group(1)
        elif option and group:
            name = option.group(1) if group == 'DEFAULT' else group + '.' + option.group(1)[len(group) + 1:]
        elif name and re.match(r'        \((string|integer|float|boolean|list|multi-valued string)\b', line):
            yield name, line
            name = None


def main(program, source):
    tables = glob.glob(os.path.join(source, 'src/config/options-*.c'))
    rules = os.path.join(source, 'src/config/checks.c')         # rules about options are no use of them
    sources = set(glob.glob(os.path.join(source, 'src/**/*.[ch]'), recursive=True)) - set(tables) - {rules}
    literals, defaults = set(), ''
    for path in sources:
        with open(path, encoding='utf-8') as f:
            literals |= set(re.findall(r'"((?:[^"\\\n]|\\.)*)"', f.read()))
    for path in tables:
        with open(path, encoding='utf-8') as f:
            defaults += f.read()

    found, seen = [], 0
    for name, facts in options(program):
        seen += 1
        group, _, short = name.rpartition('.')
        full = name in literals or 'DEFAULT.' + name in literals
        # A group's options are mostly read by a helper that knows the group.
        read = full or (group and ('.' + short in literals or short in literals)) or name in COMPUTED or '$' + short in defaults
        idle = 'no effect' in facts or 'not used by this version' in facts
        if idle and 'reloadable' in facts:
            found.append('%s takes no effect, so also none on reload' % name)
        if not idle and not read:
            found.append('%s is read nowhere: it needs ACCEPTED or PLANNED in its row' % name)
        if idle and full and name != 'verbose' and name not in OTHERWISE:         # -v must go on being understood
            found.append('%s is read, but its row says that it has no effect' % name)
    print('\n'.join(found) or '%d options agree with the sources' % seen)
    return 1 if found or seen < 500 else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2]))
