import { createRoot } from "react-dom/client";
import { App } from "./app";
import { followTheme } from "./theme";
import "@patternfly/patternfly/patternfly-base.css";
import "./page.css";

followTheme();
document.addEventListener("DOMContentLoaded", () => createRoot(document.getElementById("app") as HTMLElement).render(<App />));
