#!/usr/bin/python3
"""Writes the man pages that are made of what the program has, to stdout.

    generate.py options VERSION nova.conf.sample                   nova.conf(5)
    generate.py bus VERSION errors.h POLICY.policy INTERFACE.xml…  org.nova.Compute1(5)

The sample has every option that has an effect (a test compares it with the table of options); the interfaces are what the daemon
answers to Introspect (another does). tests/house/man.py says what lacks a description.
"""
import os
import re
import sys
import textwrap
import xml.etree.ElementTree as ET

DATE = '2026-11-27'
PREFIX = 'org.nova.Compute1.'
# In the order of the page: interface, where its objects are.
OBJECTS = (('Service', '/org/nova/Compute1'), ('Node', '/org/nova/Compute1'), ('Manager', '/org/nova/Compute1'),
           ('Instance', '/org/nova/Compute1/instance/*'), ('Job', '/org/nova/Compute1/job/*'))


def escape(text):
    text = text.replace('\\', '\\e').replace('-', '\\-')
    return ''.join(c if ord(c) < 128 else '\\[u%04X]' % ord(c) for c in text)


def shield(text):
    return re.sub(r"(?m)^([.'])", r'\\&\1', text)


def roff(text):
    """Plain text as roff: nothing in it is a request or an escape."""
    return shield(escape(text))


def prose(text):
    """Sentences: only dashes of names and options keep their form."""
    text = re.sub(r'(?<=\w)-\s*\n\s*(?=\w)', '-', text)         # a name broken at its dash
    words = [escape(w) if re.search(r'[-_/.]\w|^-', w) else escape(w).replace('\\-', '-') for w in text.split()]
    return shield(textwrap.fill(' '.join(words), 78, break_on_hyphens=False, break_long_words=False))


def sentence(text):
    text = text[0].upper() + text[1:]
    return prose(text if text.endswith('.') else text + '.')


def header(name, section, version, what, brief):
    return ['.\\" Made by data/man/generate.py; not to be edited.',
            '.TH "%s" "%s" "%s" "nova\\-compute %s" "%s"' % (name.upper() if section == 5 and '.C' not in name else name, section, DATE,
                                                            version, what),
            '.SH NAME', '%s \\- %s' % (roff(name), brief)]


# ---- nova.conf(5) ----

def options(path):
    """Yields (group, name, default, help, facts, former names) of each option of the sample."""
    group, comment = None, []
    with open(path, encoding='utf-8') as f:
        for line in f.read().split('\n'):
            heading = re.fullmatch(r'\[(\S+)\]', line)
            setting = re.match(r'#(\w+) =(?: (.*))?$', line)
            if heading:
                group, comment = heading.group(1), []
            elif line.startswith('# '):
                comment.append(line[2:])
            elif setting:
                if comment:             # further lines of a multi-valued option have none
                    text = '\n'.join(comment)
                    help_text, facts, known = re.fullmatch(r'(.*?)\n\(([^\n]*)\)(?:\n\(also known as ([^\n]*)\))?', text, re.S).groups()
                    yield group, setting.group(1), setting.group(2) or '', help_text, facts, known
                comment = []


OPTIONS_INTRO = r"""
.SH SYNOPSIS
.I /etc/nova/nova.conf
.br
.I /etc/nova/nova\-compute.conf
.br
.I /etc/nova/nova.conf.d/*.conf
.br
.I /etc/nova/nova\-compute.conf.d/*.conf
.SH DESCRIPTION
These files configure
.BR nova\-compute (8).
Each is read where it exists, in this order; what is read later counts more.
Options of OpenStack Nova that have no meaning here are accepted and ignored,
so that the file of a Python nova\-compute can stay as it is.
.PP
A file has sections in brackets and options as
.IR name " = " value .
A line that begins with # or ; is a comment; one that begins with a blank
continues the value before it. A value in quotes keeps its blanks. A
multi\-valued option may stand several times. A value may refer to others as
.IR $name " or " $group.name ,
and has $$ for a dollar sign. A file whose first line begins with two dashes
is a flag file of the Essex era, one
.BI \-\- name = value
a line.
.PP
After the files count, in this order: credentials of the service manager
.RI ( $CREDENTIALS_DIRECTORY ,
a file named like the option), environment variables
.BI OS_ GROUP __ NAME\fR,
and the command line. A password need not stand in a file: see
.BR nova\-compute (8).
.PP
A wrong value ends the start with exit status 78 and a line that names file,
line, option, value and what is allowed. An option that is marked reloadable
is taken over by
.BR "systemctl reload nova\-compute" ;
the journal names the others that have changed.
.B nova\-compute \-\-show\-config
prints what is in force and where it is from, with secrets masked.
""".strip('\n')


def options_page(version, sample):
    out = header('nova.conf', 5, version, 'File formats', 'configuration of the compute service') + [OPTIONS_INTRO]
    groups = {}
    for row in options(sample):
        groups.setdefault(row[0], []).append(row)
    for group, rows in groups.items():
        out.append('.SH "SECTION [%s]"' % group)
        for _, name, default, text, facts, known in rows:
            out += ['.TP', '.B %s =%s' % (roff(name), ' ' + roff(default) if default else '')]
            out.append(prose(text))
            facts = re.sub(r'; default .*?(?=; reloadable$|$)', '', facts)         # it stands above
            out += ['.br', sentence(facts)]
            if known:
                names = known.split(', ')
                out += ['Also known as'] + ['.BR %s %s' % (roff(n), '.' if n == names[-1] else ',') for n in names]
    out += ['.SH SEE ALSO', '.BR nova\\-compute (8),', '.BR novactl (1),', '.BR org.nova.Compute1 (5)', '.PP',
            'A sample with every option:', '.IR /usr/share/doc/nova\\-compute/examples/nova.conf.sample .']
    return out


# ---- org.nova.Compute1(5) ----

class Comments(ET.TreeBuilder):
    """Each element gets the comment before it as its attribute '#'."""
    waiting = ''

    def comment(self, data):
        self.waiting = data

    def start(self, tag, attrs):
        element = super().start(tag, dict(attrs, **{'#': self.waiting}))
        self.waiting = ''
        return element


def signature(arguments, directions):
    return ', '.join('\\fB%s\\fR%s \\fI%s\\fR' % ({'in': 'in ', 'out': 'out '}[a.get('direction', 'out')] if directions else '',
                                                  a.get('type'), roff(a.get('name', ''))) for a in arguments)


def described(element, where):
    text = element.get('#', '').strip()
    if not text:
        raise SystemExit('%s: %s has no description' % (where, element.get('name')))
    return prose(text)


def interface_page(path, place):
    root = ET.parse(path, ET.XMLParser(target=Comments())).getroot()
    interface, = root.findall('interface')
    name = interface.get('name')
    out = ['.SH "%s"' % roff(name), 'Objects: \\fI%s\\fR' % roff(place), '.PP', described(root, path)]
    for tag, title in (('method', 'Methods'), ('signal', 'Signals'), ('property', 'Properties')):
        members = interface.findall(tag)
        if not members:
            continue
        out.append('.SS %s' % title)
        for m in members:
            out.append('.TP')
            if tag == 'property':
                emits = [a.get('value') for a in m.findall('annotation')
                         if a.get('name') == 'org.freedesktop.DBus.Property.EmitsChangedSignal']
                told = {'const': ', never changes', 'false': ', changes are not told', 'invalidates': ', changes are told without the value'}
                how = m.get('type') + (', may be written' if 'write' in m.get('access') else '') + told.get((emits or ['true'])[0], '')
                out.append('\\fB%s\\fR (%s)' % (roff(m.get('name')), how))
            else:
                out.append('\\fB%s\\fR(%s)' % (roff(m.get('name')), signature(m.findall('arg'), tag == 'method')))
            out.append(described(m, path))
    return out


BUS_INTRO = r"""
.SH INTRODUCTION
.BR nova\-compute (8)
owns the name
.B org.nova.Compute1
on the system bus and shows there the service, the host, its instances and
their jobs. The name is taken before anything else is started, and stays
answered while broker, hypervisor or database are away. Calling it starts the
unit where it is stopped.
.PP
Reading is free to every user. Each method that changes something is a
.BR polkit (8)
action, which the caller may be asked to authenticate for where the message
allows interactive authorization; the action is decided before anything else
about the call is looked at. All such methods end with options
.RI ( a{sv} )
so that signatures need not change; an option that a method does not know is
refused.
.PP
Instances and jobs come and go by the signals of
org.freedesktop.DBus.ObjectManager at
.IR /org/nova/Compute1 ;
changes of properties are told by PropertiesChanged unless a property says
otherwise below. The path of an instance is its uuid with _ for each dash.
Times are in microseconds. org.freedesktop.LogControl1 is at
.IR /org/freedesktop/LogControl1 .
""".strip('\n')


def errors(path):
    """Yields (name, when) of each error that errors.h has."""
    with open(path, encoding='utf-8') as f:
        for line in f:
            found = re.match(r'#define BUS_ERROR_\w+ "(\S+)"\s*(?:/\* (.*) \*/)?', line)
            if found:
                if not found.group(2):
                    print('%s: %s has no comment that says when it is answered' % (path, found.group(1)), file=sys.stderr)
                yield found.groups()


def bus_page(version, errors_h, policy, interfaces):
    by_name = {os.path.basename(p)[len(PREFIX):-len('.xml')]: p for p in interfaces}
    if set(by_name) - {name for name, _ in OBJECTS}:
        raise SystemExit('no place known for interfaces %s' % sorted(set(by_name) - {name for name, _ in OBJECTS}))
    out = header('org.nova.Compute1', 5, version, 'org.nova.Compute1', 'the D\\-Bus interface of nova\\-compute') + [BUS_INTRO]
    for name, place in OBJECTS:
        if name in by_name:
            out += interface_page(by_name[name], place)
    out += ['.SH ERRORS', 'Each carries a sentence for people, which names the thing and the value.']
    for name, when in sorted(errors(errors_h)):
        out += ['.TP', '.B %s' % roff(name), sentence(when or 'not described')]
    for name, when in (('AccessDenied', 'the caller is not authorized, or polkit does not answer'),
                       ('InteractiveAuthorizationRequired', 'the caller could authenticate, but the message does not allow to ask'),
                       ('InvalidArgs', 'an argument or option is wrong or unknown'), ('NotSupported', 'this host or its driver cannot do that'),
                       ('UnknownObject', 'there is no such instance or job (any more)'), ('Timeout', 'no answer within the deadline')):
        out += ['.TP', '.B org.freedesktop.DBus.Error.%s' % name, sentence(when)]
    out += ['.SH POLKIT ACTIONS', 'What is granted by default, in this order: to sessions that are remote, inactive, active.']
    for action in ET.parse(policy).getroot().findall('action'):
        defaults = [action.find('defaults/' + d).text for d in ('allow_any', 'allow_inactive', 'allow_active')]
        out += ['.TP', '.B %s' % roff(action.get('id')), sentence(action.find('description').text), '(%s)' % roff(', '.join(defaults))]
    out += ['.PP', 'An example of rules:', '.IR /usr/share/doc/nova\\-compute/examples/50\\-nova\\-compute\\-example.rules .',
            '.SH SEE ALSO', '.BR nova\\-compute (8),', '.BR novactl (1),', '.BR busctl (1),', '.BR polkit (8)']
    return out


def main(argv):
    if len(argv) == 4 and argv[1] == 'options':
        page = options_page(*argv[2:])
    elif len(argv) > 5 and argv[1] == 'bus':
        page = bus_page(argv[2], argv[3], argv[4], argv[5:])
    else:
        raise SystemExit(__doc__)
    print('\n'.join(page))


if __name__ == '__main__':
    main(sys.argv)
