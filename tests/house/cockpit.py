#!/usr/bin/python3
"""data/cockpit: what is built (dist/) is of the sources beside it, the page keeps to its strict policy, and no address of a
registry is in it. Where its npm packages are installed (`npm ci` in data/cockpit), it is built again and compared byte for byte;
elsewhere the checksums of the sources must do."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile


def sources(page):
    names = ['build.mjs', 'package-lock.json']
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


def rebuilt(page):
    """What differs when it is built again; None where it cannot be."""
    if not shutil.which('node') or not os.path.isdir(os.path.join(page, 'node_modules')):
        return None
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['node', os.path.join(page, 'node_modules', 'typescript', 'bin', 'tsc'), '--noEmit', '-p', page], check=True)
        subprocess.run(['node', os.path.join(page, 'build.mjs'), folder], check=True)
        done = subprocess.run(['diff', '-rq', folder, os.path.join(page, 'dist')], stdout=subprocess.PIPE, text=True, check=False)
    return ['built again it is another: ' + line for line in done.stdout.splitlines()]


def main(source):
    page = os.path.join(source, 'data', 'cockpit')
    wrong = check(page)
    again = rebuilt(page)
    print('\n'.join(wrong + (again or [])) or 'dist/ is of its sources' + ('; not built again: npm packages are not installed' if again is None else ' and is the same when built again'))
    return 1 if wrong or again else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
