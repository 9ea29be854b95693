#!/usr/bin/python3
"""What novactl says of itself is said by its man page and its completions too: verbs with their arguments, the options of each,
and the exit statuses of the source."""
import os
import re
import subprocess
import sys


def run(program, *arguments):
    return subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE, text=True, env={'LC_ALL': 'C.UTF-8'}).stdout


def options_of(text, heading):
    """The options below a heading of help: name -> its argument or None."""
    found, inside = {}, False
    for line in text.splitlines():
        if re.match(r'\S.*:$', line):
            inside = line.startswith(heading)
        match = re.match(r'  (?:-(\w) |   )?(--[\w-]+)?(?:=(\S+))?(?:  |$)', line) if inside else None
        if match and (match.group(2) or match.group(1)):
            found[match.group(2) or '-' + match.group(1)] = match.group(3)
        elif inside and re.match(r'  -\w {2,}', line):
            found[line.split()[0]] = None
    return found


def verbs_of(text):
    """name -> arguments, in the order of help."""
    found = {}
    for line in text.splitlines():
        if line.startswith('Options:'):
            break
        match = re.match(r'  ([a-z][a-z-]*)(?: (\S.*?))?(?: {2,}|$)', line)
        if match:
            found[match.group(1)] = match.group(2) or ''
    return found


def unroff(text):
    text = re.sub(r'\\f[BIR]', '', text).replace('\\-', '-').replace('...', '…')
    return text


def man_entries(path):
    """section -> the tags of its entries (.TP)."""
    sections, section, tag = {}, None, False
    with open(path, encoding='utf-8') as f:
        for line in f:
            line = line.rstrip('\n')
            if line.startswith('.SH '):
                section = line[4:].strip('"')
            elif line.startswith('.TP'):
                tag = True
            elif tag:
                sections.setdefault(section, []).append(unroff(line[3:] if line.startswith('.B ') else line))
                tag = False
    return sections


def exit_statuses(source):
    with open(os.path.join(source, 'src/novactl/novactl.h'), encoding='utf-8') as f:
        return set(re.findall(r'EXIT_\w+ = (\d+),', f.read()))


def bash_tables(path):
    """The verbs and option tables of the completion: set of verbs, verb -> set of options."""
    with open(path, encoding='utf-8') as f:
        text = f.read()
    verbs = set(' '.join(re.findall(r"\[(?:NONE|MANY|ONE|OTHER)\]='([^']*)'", text)).split())
    block = text[text.index('local -A options=('):]
    block = block[:block.index('\n    )')]
    options = {verb: set(o.rstrip('=') for o in words.split()) for verb, words in re.findall(r"\[([\w-]+)\]='([^']*)'", block)}
    return verbs, options


def zsh_tables(path):
    with open(path, encoding='utf-8') as f:
        text = f.read()
    block = text[text.index('local -a verbs=('):]
    verbs = set(re.findall(r"^\s+['\"]([a-z-]+):", block[:block.index('\n    )')], re.M))
    options = {}
    variables = {name: set(re.findall(r'--[\w-]+', value)) for name, value in re.findall(r"local (block|password)='([^']*)'", text)}
    for names, body in re.findall(r'^        ([\w|-]+)\)(.*?);;', text, re.M | re.S):
        found = set(re.findall(r"(?<![\w(])(--[a-z][\w-]+)(?=[=\[}])", body))
        for name, values in variables.items():
            if '$' + name in body:
                found |= values
        for verb in names.split('|'):
            options[verb] = found
    block = text[text.index('local -a all=('):]
    options['ALL'] = set(re.findall(r'(--?[a-z][\w-]*)=?(?=[\[}+,])', block[:block.index('\n    )')]))
    return verbs, options


def compare(found, what, one, other):
    for name in sorted(one - other):
        found.append('%s lacks %s' % (what, name))
    for name in sorted(other - one):
        found.append('%s has %s, which novactl has not' % (what, name))


def main(program, source):
    found = []
    text = run(program, 'help')
    verbs = verbs_of(text)
    common = options_of(text, 'Options:')
    own = {verb: options_of(run(program, 'help', verb), 'Options of this verb') for verb in verbs}

    man = man_entries(os.path.join(source, 'data/man/novactl.1'))
    told = {entry.split(' ')[0]: entry.partition(' ')[2] for entry in man['VERBS']}
    compare(found, 'novactl(1)', set(verbs), set(told))
    found += ["novactl(1) has '%s %s', novactl '%s'" % (verb, told[verb], verbs[verb]) for verb in verbs if told.get(verb, verbs[verb]) != verbs[verb]]
    if list(told) != list(verbs):
        found.append('novactl(1) and novactl have their verbs in another order')
    tags = {}
    for entry in man['OPTIONS']:
        match = re.search(r'(--[\w-]+)(?:=(\S+))?$', entry) or re.search(r'^(-\w)()$', entry)
        if match:
            tags[match.group(1)] = match.group(2) or None
        else:
            found.append('novactl(1): what is "%s"?' % entry)
    everything = dict(common)
    for options in own.values():
        everything.update(options)
    compare(found, 'novactl(1)', set(everything), set(tags))
    found += ['novactl(1): %s takes %s, novactl %s' % (o, tags[o], everything[o]) for o in everything if o in tags and tags[o] != everything[o]]
    compare(found, 'novactl(1), EXIT STATUS', exit_statuses(source), set(man['EXIT STATUS']))

    for name, tables in (('novactl.bash', bash_tables), ('_novactl', zsh_tables)):
        known, options = tables(os.path.join(source, 'data/completions', name))
        compare(found, name, set(verbs), known)
        compare(found, name, set(common), options.get('ALL', set()) - {'-h', '-H', '-l', '-q'})
        for verb in verbs:
            compare(found, '%s, %s' % (name, verb), set(own[verb]), options.get(verb, set()))

    print('\n'.join(found) or '%d verbs and %d options agree with man page and completions' % (len(verbs), len(everything)))
    return 1 if found or len(verbs) < 30 or len(everything) < 30 else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2]))
