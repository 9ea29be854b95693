/* PatternFly's alert, with the word that screen readers say before it in the user's language. */
import { Alert as Plain, type AlertProps } from "@patternfly/react-core";
import { _ } from "./context";

export function Alert(props: AlertProps) {
        const word = { danger: _("Error:"), warning: _("Warning:"), success: _("Done:"), info: _("Note:"), custom: "" }[props.variant ?? "custom"];
        return <Plain variantLabel={word} {...props} />;
}
