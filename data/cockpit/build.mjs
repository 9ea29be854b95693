// Makes dist/ of src/ and po/: one script, one style sheet, the fonts they use, the catalogs, and the licences of what is in them.
// build.mjs [FOLDER]: into another folder (a test compares).
import { build } from "esbuild";
import { readFile, writeFile, mkdir, rm, copyFile, readdir } from "node:fs/promises";
import { createHash } from "node:crypto";
import { po } from "gettext-parser";
import path from "node:path";

const here = import.meta.dirname;
const out = path.resolve(process.argv[2] ?? path.join(here, "dist"));

// PatternFly's base has every theme, three families of fonts and two of icons: what this page never shows is left out.
const UNUSED_RULE = /theme-(felt|glass|high-?contrast|redhat)|\.pf-v6-pficon|\.fa[srbl]?\b|\.fa-|\.pf-v6-svg|ai-indicator|thinking/;
const FONTS = ["RedHatTextVF.woff2", "RedHatMonoVF.woff2"];

// The top-level rules of a style sheet: [head, whole text].
function* rules(css) {
        css = css.replace(/\/\*[^]*?\*\//g, "");
        for (let i = 0; i < css.length;) {
                const open = css.indexOf("{", i), end = css.indexOf(";", i);
                if (end >= 0 && (open < 0 || end < open)) {
                        yield [css.slice(i, end).trim(), css.slice(i, end + 1)];
                        i = end + 1;
                        continue;
                }
                if (open < 0)
                        return;
                let depth = 1, j = open + 1;
                for (; j < css.length && depth; j++)
                        depth += css[j] === "{" ? 1 : css[j] === "}" ? -1 : 0;
                yield [css.slice(i, open).trim(), css.slice(i, j)];
                i = j;
        }
}

function slim(css) {
        let kept = "";
        for (const [head, text] of rules(css)) {
                if (head === "@font-face" && !FONTS.some(f => text.includes("/" + f)))
                        continue;
                if (UNUSED_RULE.test(head))
                        continue;
                kept += text;
        }
        return kept;
}

// Variants that no view of this page uses, where all selectors of a rule are of them.
const UNUSED_VARIANT = /-on-(lg|xl|2xl)\b|tree-view|pf-m-display-lg|pf-m-sticky|sticky-cell|pf-m-vertical|compound-expansion/;
function thin(css) {
        return css.replace(/(?<=[{}])([^{}@]+)\{[^{}]*\}/g, (all, head) => head.split(",").every(s => UNUSED_VARIANT.test(s)) ? "" : all);
}

// Custom properties that nothing reads, over and over, for those that only they read go with them.
function prune(css, script) {
        for (;;) {
                const read = new Set(css.match(/(?<=var\(\s*)--[\w-]+/g));
                const next = css.replace(/(--[\w-]+):[^;{}]*(;|(?=\}))/g,
                                         (all, name) => read.has(name) || script.includes(name) ? all : "");
                if (next === css)
                        return css.replace(/[^{};]+\{\}/g, "");
                css = next;
        }
}

// Style sheets of components that the script does not have (@used: paths of the modules it has) are left out: to import one
// component of PatternFly by its index is to import the styles of all.
const slimmer = used => ({
        name: "slim",
        setup(b) {
                b.onLoad({ filter: /node_modules.*\.css$/ }, async args => {
                        const name = path.relative(here, args.path).replace(/\.css$/, "");
                        const wanted = !used || !name.includes("react-styles") || used.some(u => u.replace(/\.m?js$/, "") === name);
                        return { contents: wanted ? slim(await readFile(args.path, "utf8")) : "", loader: "css" };
                });
        },
});

async function licences(inputs) {
        const names = new Set();
        for (const input of inputs) {
                const found = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
                if (found)
                        names.add(found[1]);
        }
        let text = "What index.js, index.css and the fonts are made of besides this page, and under which terms.\n";
        for (const name of [...names].sort()) {
                const folder = path.join(here, "node_modules", name);
                const about = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
                const file = (await readdir(folder)).find(f => /^licen[cs]e/i.test(f));
                text += `\n${"=".repeat(78)}\n${name} ${about.version}: ${about.license}\n\n`;
                text += file ? await readFile(path.join(folder, file), "utf8")
                             : "Copyright of its authors; the text of the licence is in its repository, and that of MIT above or below.\n";
        }
        text += `\n${"=".repeat(78)}\nRed Hat Text, Red Hat Mono (fonts, by way of @patternfly/patternfly): OFL-1.1\n\n`;
        return text + await readFile(path.join(here, "OFL.txt"), "utf8");
}

// Catalogs as Cockpit loads them: po.LANGUAGE.js in the page, po.manifest.LANGUAGE.js (what the menu says) in the shell. An entry is
// [plural, forms…]; a context stands before the text and U+0004.
async function catalogs() {
        const menu = Object.values(JSON.parse(await readFile(path.join(here, "src", "manifest.json"), "utf8")).menu)
                .flatMap(e => [e.label, ...e.keywords.flatMap(k => k.matches)]);
        for (const name of (await readdir(path.join(here, "po"))).filter(f => f.endsWith(".po")).sort()) {
                const { headers, translations } = po.parse(await readFile(path.join(here, "po", name)));
                const plural = /plural=\s*([n\d\s()!=<>&|%?:+-]+);?\s*$/.exec(headers["Plural-Forms"] ?? "");
                if (!headers.Language || !plural)
                        throw new Error(`po/${name}: its header has no Language or no Plural-Forms that can be read`);
                const head = `"":{"plural-forms":n=>${plural[1].trim()},language:${JSON.stringify(headers.Language)},"language-direction":"ltr"}`;
                const entries = Object.values(translations).flatMap(Object.values)
                        .filter(e => e.msgid && !e.comments?.flag?.includes("fuzzy") && e.msgstr.every(Boolean));
                const lines = chosen => [head, ...chosen.map(e => JSON.stringify((e.msgctxt ? e.msgctxt + "\u0004" : "") + e.msgid) + ":" +
                        JSON.stringify([e.msgid_plural ?? null, ...e.msgstr]))].join(",\n");
                const language = name.replace(/\.po$/, "");
                await writeFile(path.join(out, `po.${language}.js`), `cockpit.locale({${lines(entries)}});\n`);
                await writeFile(path.join(out, `po.manifest.${language}.js`), `cockpit.locale({${lines(entries.filter(e => menu.includes(e.msgid)))}});\n`);
        }
}

// Of what dist/ was made, so that a stale one is noticed where it cannot be made anew.
async function sources() {
        const below = async folder => (await readdir(path.join(here, folder), { recursive: true, withFileTypes: true }))
                .filter(e => e.isFile()).map(e => path.relative(here, path.join(e.parentPath, e.name)));
        const files = ["build.mjs", "package-lock.json", ...await below("src"), ...(await below("po")).filter(f => f.endsWith(".po"))].sort();
        let text = "";
        for (const name of files)
                text += createHash("sha256").update(await readFile(path.join(here, name))).digest("hex") + "  " + name + "\n";
        return text;
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const make = (used, write) => build({
        absWorkingDir: here,
        entryPoints: [{ in: "src/index.tsx", out: "index" }],
        outdir: out,
        bundle: true,
        minify: true,
        format: "iife",
        target: ["es2021"],
        charset: "utf8",
        legalComments: "none",
        define: { "process.env.NODE_ENV": '"production"' },
        loader: { ".woff2": "file" },
        assetNames: "[name]",
        plugins: [slimmer(used)],
        metafile: true,
        logLevel: "warning",
        write,
});
const inputsOf = result => {
        const output = Object.entries(result.metafile.outputs).find(([name]) => name.endsWith("index.js"))[1];
        return Object.entries(output.inputs).filter(([, v]) => v.bytesInOutput > 0).map(([name]) => name);
};
const used = inputsOf(await make(null, false));
const result = await make(used, true);
const css = path.join(out, "index.css");
await writeFile(css, prune(thin(await readFile(css, "utf8")), await readFile(path.join(out, "index.js"), "utf8")));
for (const name of ["index.html", "manifest.json"])
        await copyFile(path.join(here, "src", name), path.join(out, name));
await catalogs();
await writeFile(path.join(out, "LICENSES.txt"), await licences([...inputsOf(result), "node_modules/@patternfly/patternfly/"]));
await writeFile(path.join(out, "SOURCES.sha256"), await sources());
