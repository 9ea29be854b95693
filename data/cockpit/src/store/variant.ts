/* Cockpit gives a variant as {t: signature, v: value}; what is in it is taken out by its signature, never by its looks: an a{ss}
   may well have the keys t and v. */
import type { Variant } from "../cockpit";

export type Properties = Record<string, unknown>;

export function plain(variant: Variant): unknown {
        switch (variant.t) {
        case "v":
                return plain(variant.v as Variant);
        case "a{sv}":
                return dictionary(variant.v as Record<string, Variant>);
        case "aa{sv}":
                return (variant.v as Record<string, Variant>[]).map(dictionary);
        default:
                return variant.v;
        }
}

export function dictionary(values: Record<string, Variant>): Properties {
        return Object.fromEntries(Object.entries(values).map(([k, v]) => [k, plain(v)]));
}

/* Keys that are not plain strings (object paths) may come as JSON text. */
export function key(name: string): string {
        return name.startsWith('"') ? JSON.parse(name) as string : name;
}

/* An ay is base64. */
export function bytes(base64: string): Uint8Array {
        const text = atob(base64);
        const out = new Uint8Array(text.length);
        for (let i = 0; i < text.length; i++)
                out[i] = text.charCodeAt(i);
        return out;
}

export function base64(data: Uint8Array): string {
        let text = "";
        for (let i = 0; i < data.length; i += 0x8000)
                text += String.fromCharCode(...data.subarray(i, i + 0x8000));
        return btoa(text);
}
