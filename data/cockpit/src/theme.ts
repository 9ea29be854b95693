/* Dark or light, as Cockpit's shell has it: kept under shell:style, told to frames by the event cockpit-style. */
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function apply(style?: string | null) {
        let wanted = style;
        try {
                wanted ??= localStorage.getItem("shell:style");
        } catch { /* no storage: as the system has it */ }
        const on = wanted === "dark" || (wanted !== "light" && dark.matches);
        document.documentElement.classList.toggle("pf-v6-theme-dark", on);
}

export function followTheme() {
        window.addEventListener("storage", event => {
                if (event.key === "shell:style")
                        apply(event.newValue);
        });
        window.addEventListener("cockpit-style", event => apply((event as CustomEvent<{ style?: string }>).detail?.style));
        dark.addEventListener("change", () => apply());
        apply();
}
