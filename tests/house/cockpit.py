#!/usr/bin/python3
"""data/cockpit: what is built (dist/) is of the sources beside it, the page keeps to its strict policy, no address of a registry is in it,
and its words are all in po/ and translated. Where its npm packages are installed (`npm ci` in data/cockpit), it is built again and
compared byte for byte; elsewhere the checksums of the sources must do, and what was not done is said."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile


def sources(page):
    names = ['build.mjs', 'package-lock.json'] + [os.path.join('po', f) for f in os.listdir(os.path.join(page, 'po')) if f.endswith('.po')]
    for folder, _, files in os.walk(os.path.join(page, 'src')):
        names += [os.path.relpath(os.path.join(folder, f), page) for f in files]
    lines = []
    for name in sorted(names, key=lambda n: n.encode('utf-16-be')):
        with open(os.path.join(page, name), 'rb') as f:
            lines.append('%s  %s\n' % (hashlib.sha256(f.read()).hexdigest(), name))
    return ''.join(lines)


def read(*path):
    with open(os.path.join(*path), encoding='utf-8') as f:
        return f.read()


def check(page):
    wrong = []
    dist = os.path.join(page, 'dist')
    if read(dist, 'SOURCES.sha256') != sources(page):
        wrong.append('dist/ was not made of these sources: npm ci && npm run build in data/cockpit')
    html = read(dist, 'index.html')
    for pattern, what in ((r'<style', 'a style element'), (r'\sstyle\s*=', 'an inline style'), (r'<script(?![^>]*\ssrc=)', 'an inline script'),
                          (r'\son\w+\s*=', 'an inline handler'), (r'(src|href)="(https?:)?//', 'something of another host')):
        if re.search(pattern, html, re.I):
            wrong.append('dist/index.html has ' + what)
    policy = json.loads(read(dist, 'manifest.json'))['content-security-policy']
    if 'unsafe' in policy or '*' in policy or not re.search(r"script-src 'self';", policy) or not re.search(r"style-src 'self';", policy):
        wrong.append('the policy of dist/manifest.json is not strict: ' + policy)
    script = read(dist, 'index.js')
    if re.search(r'\beval\(|new Function\(', script):
        wrong.append('dist/index.js makes code of text, which the policy forbids')
    if re.search(r'\bsetInterval\(', read(page, 'src', 'store', 'connection.ts') + ''.join(
            read(folder, f) for folder, _, files in os.walk(os.path.join(page, 'src')) for f in files if f.endswith(('.ts', '.tsx')))):
        wrong.append('the page asks again and again (setInterval): what it shows comes by signals')
    if re.search(r'"resolved"|https?://[^"]*registry', read(page, 'package-lock.json')):
        wrong.append('package-lock.json names where packages were fetched from')
    return wrong


def unable(page):
    """Why it cannot be built again here, None if it can."""
    if not shutil.which('node'):
        return 'node is not installed'
    installed = os.path.join(page, 'node_modules', '.package-lock.json')
    if not os.path.exists(installed):
        return 'its npm packages are not installed (npm ci in data/cockpit)'
    there, wanted = (json.loads(read(f))['packages'] for f in (installed, os.path.join(page, 'package-lock.json')))
    other = ['%s %s' % (name.replace('node_modules/', ''), p['version']) for name, p in wanted.items()
             if name and not p.get('optional') and there.get(name, {}).get('version') != p['version']]
    return 'node_modules lacks ' + ', '.join(other) + ' (npm ci in data/cockpit)' if other else None


def rebuilt(page):
    """What differs when it is built again."""
    node = ['node', os.path.join(page, 'node_modules', 'typescript', 'bin', 'tsc'), '--noEmit', '-p', page]
    done = subprocess.run(node, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        return ['its types are wrong: ' + done.stdout]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(['node', os.path.join(page, 'build.mjs'), folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            return ['it cannot be built: ' + done.stdout]
        done = subprocess.run(['diff', '-rq', folder, os.path.join(page, 'dist')], stdout=subprocess.PIPE, text=True, check=False)
    return ['built again it is another: ' + line for line in done.stdout.splitlines()]


def words(page):
    """What is wrong with the catalogs: words of the page that are not in the template, of the template that are not translated."""
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        pot = os.path.join(folder, 'nova.pot')
        subprocess.run([os.path.join(page, 'po', 'update'), '--pot', pot], check=True)
        if read(pot) != read(page, 'po', 'nova.pot'):
            wrong.append('po/nova.pot is not what the page says: data/cockpit/po/update')
        for name in sorted(f for f in os.listdir(os.path.join(page, 'po')) if f.endswith('.po')):
            po = os.path.join(page, 'po', name)
            for command in (['msgfmt', '--check-header', '--check-format', '-o', '/dev/null', po], ['msgcmp', po, pot]):
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
                if done.returncode:
                    wrong.append('po/%s: %s' % (name, done.stdout.strip()))
            wrong += ['po/%s: not the same $0, $1… in %r and %r' % (name, a, b) for a, b in pairs(po)
                      if set(re.findall(r'\$\d', a)) != set(re.findall(r'\$\d', b))]
            for kind in ('po.%s.js', 'po.manifest.%s.js'):
                if "'dist/%s'" % (kind % name[:-3]) not in read(page, 'meson.build'):
                    wrong.append('meson.build does not install dist/' + kind % name[:-3])
    return wrong


def pairs(po):
    """(text, translation) of each entry."""
    done = subprocess.run(['msgcat', '--no-wrap', po], stdout=subprocess.PIPE, text=True, check=True)
    return re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', done.stdout, re.M)


def main(source):
    page = os.path.join(source, 'data', 'cockpit')
    wrong = check(page)
    why = unable(page)
    if why:
        print('skipped cockpit-page: its types are not checked and it is not built again, only checksums of its sources compared: ' + why)
    else:
        wrong += rebuilt(page)
    if shutil.which('xgettext'):
        wrong += words(page)
    else:
        print('skipped cockpit-page: its words are not compared with po/: gettext is not installed')
    print('\n'.join(wrong) or 'dist/ is of its sources')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
