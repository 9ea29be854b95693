/* A byte at a time through two layers: what the envelope holds as a string is, character by character, the other's text. */
#include "rpc/caller.h"

#define NO_CHARACTER (-1)
#define FOREIGN '\x01'                  /* stands for what no name has */

static void member_ended(CallerScan *c, CallerLayer *l) {
        char *to = streq(l->key, "_msg_id") ? c->msg_id : streq(l->key, "_reply_q") ? c->reply_q : NULL;

        if (!to || l->n_text == 0 || l->n_text > ENVELOPE_NAME_MAX)
                return;
        for (size_t i = 0; i < l->n_text; i++)
                if (l->text[i] <= ' ' || l->text[i] >= 0x7f)
                        return;
        memcpy(to, l->text, l->n_text);
        to[l->n_text] = '\0';
}

/* The character that @byte completes within a string, its escapes taken off. */
static int decode(CallerLayer *l, char byte) {
        if (l->unicode > 0) {
                unsigned digit = byte >= '0' && byte <= '9' ? (unsigned) (byte - '0') : ((unsigned) byte | 0x20) - 'a' + 10;

                l->codepoint = l->codepoint << 4 | (digit & 15);
                if (--l->unicode > 0)
                        return NO_CHARACTER;
                return l->codepoint < 0x80 ? (int) l->codepoint : FOREIGN;
        }
        if (!l->escaped) {
                l->escaped = byte == '\\';
                return l->escaped ? NO_CHARACTER : (unsigned char) byte;
        }
        l->escaped = false;
        if (byte == 'u') {
                l->unicode = 4;
                l->codepoint = 0;
                return NO_CHARACTER;
        }
        return byte == '"' || byte == '\\' || byte == '/' ? byte : ' ';
}

static void layer_take(CallerScan *c, CallerLayer *l, char byte);

static void string_begins(CallerLayer *l) {
        l->quoted = true;
        if (l->depth != 1)
                return;
        if (l->value)
                l->n_text = 0;
        else
                l->n_key = 0;
}

static void string_ends(CallerScan *c, CallerLayer *l) {
        l->quoted = false;
        if (l->depth != 1)
                return;
        if (l->value)
                member_ended(c, l);
        else
                l->key[MIN(l->n_key, sizeof l->key - 1)] = '\0';
}

static void string_has(CallerScan *c, CallerLayer *l, int character) {
        if (l->depth != 1)
                return;
        if (!l->value) {
                /* A longer key is cut off one byte beyond those that are looked for. */
                if (l->n_key < sizeof l->key - 1)
                        l->key[l->n_key++] = character ? (char) character : FOREIGN;
        } else if (l == &c->outer && streq(l->key, "oslo.message")) {
                c->enveloped = true;
                layer_take(c, &c->inner, (char) character);
        } else if (l->n_text < sizeof l->text)
                l->text[l->n_text++] = (char) character;
}

static void layer_take(CallerScan *c, CallerLayer *l, char byte) {
        if (l->quoted) {
                if (byte == '"' && !l->escaped && l->unicode == 0)
                        string_ends(c, l);
                else {
                        int character = decode(l, byte);

                        if (character != NO_CHARACTER)
                                string_has(c, l, character);
                }
                return;
        }
        switch (byte) {
        case '"':
                string_begins(l);
                break;
        case '{':
        case '[':
                l->depth++;
                break;
        case '}':
        case ']':
                if (l->depth > 0)
                        l->depth--;
                break;
        case ':':
        case ',':
                if (l->depth == 1)
                        l->value = byte == ':';
                break;
        default:
                break;
        }
}

void caller_scan(CallerScan *c, const char *data, size_t size) {
        for (size_t i = 0; i < size; i++)
                layer_take(c, &c->outer, data[i]);
}

void caller_envelope(const CallerScan *c, Envelope *ret) {
        *ret = (Envelope){
                .format = c->enveloped ? WIRE_OSLO : WIRE_ESSEX,
                .msg_id = *c->msg_id ? c->msg_id : NULL,
                .reply_q = *c->reply_q ? c->reply_q : NULL,
        };
}
