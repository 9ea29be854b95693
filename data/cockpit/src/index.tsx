import { createRoot } from "react-dom/client";
import type { Cockpit } from "./cockpit";
import { App } from "./app";
import { followTheme } from "./theme";
import "@patternfly/patternfly/patternfly-base.css";
import "./page.css";

declare const cockpit: Cockpit;

followTheme();
document.documentElement.lang = cockpit.language?.replace("_", "-") || "en";
document.title = cockpit.gettext("Compute");
document.addEventListener("DOMContentLoaded", () => createRoot(document.getElementById("app") as HTMLElement).render(<App />));
