#!/usr/bin/python3
"""MESSAGE_IDs: each that message-id.h names is logged somewhere in src, none is written out anywhere else, and each entry of the journal's
catalog says cause and remedy: messages.py ROOT. (That both have the same ids is test-catalog.c's.)"""
import os
import re
import sys


def sources(root):
    for folder, _, names in os.walk(os.path.join(root, 'src')):
        for name in names:
            if name.endswith(('.c', '.h')) and name != 'message-id.h':
                with open(os.path.join(folder, name), encoding='utf-8') as f:
                    yield os.path.relpath(os.path.join(folder, name), root), f.read()


def entries(root):
    """(id, subject, paragraphs) of the catalog."""
    with open(os.path.join(root, 'systemd', 'nova-compute.catalog'), encoding='utf-8') as f:
        text = re.sub(r'^#.*\n', '', f.read(), flags=re.M)
    for entry in re.split(r'^-- ', text, flags=re.M)[1:]:
        head, _, body = entry.partition('\n\n')
        yield head.split('\n', 1)[0], re.search(r'^Subject: (.+)$', head, re.M), [p for p in body.strip().split('\n\n') if p.strip()]


def main(root):
    wrong = []
    with open(os.path.join(root, 'src', 'basic', 'message-id.h'), encoding='utf-8') as f:
        ids = dict(re.findall(r'^#define (MESSAGE_\w+) "([0-9a-f]{32})"', f.read(), re.M))
    used = set()
    for path, text in sources(root):
        used |= set(re.findall(r'\bMESSAGE_[A-Z_]+\b', text)) & set(ids)
        wrong += ['%s writes the MESSAGE_ID %s out: it belongs into message-id.h' % (path, i)
                  for i in re.findall(r'"(?:MESSAGE_ID=)?([0-9a-f]{32})"', text) if 'MESSAGE_ID' in text]
    wrong += ['%s is logged nowhere' % name for name in sorted(set(ids) - used)]
    names = {v: k for k, v in ids.items()}
    subjects = {}
    for number, subject, paragraphs in entries(root):
        name = names.get(number, number)
        if not subject or len(subject.group(0)) > 79:
            wrong.append('the catalog entry of %s has no subject that fits a line' % name)
        elif subjects.setdefault(subject.group(1), name) != name:
            wrong.append('the catalog entries of %s and %s have one subject' % (subjects[subject.group(1)], name))
        if len(paragraphs) < 2:
            wrong.append('the catalog entry of %s has one paragraph: say the cause, then what to do, if only that nothing is' % name)
        wrong += ['the catalog entry of %s has a line beyond 79 columns' % name for p in paragraphs if max(map(len, p.split('\n'))) > 79]
    for w in wrong:
        print(w)
    return bool(wrong) or not ids


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
