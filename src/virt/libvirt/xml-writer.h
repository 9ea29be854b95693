/* Writes XML, indented as libvirt's: whatever a text holds, what comes out is well-formed. Not shared between threads. A failure
 * (memory, an element too deep) is kept and told by xml_writer_finish. */
#pragma once

#include <inttypes.h>
#include <stdio.h>

#include "basic/macros.h"

#define XML_DEPTH_MAX 16

typedef struct XmlWriter {
        FILE *out;
        char *text;
        size_t size;
        const char *open[XML_DEPTH_MAX];        /* names are constants of the caller */
        unsigned depth;
        bool failed;
} XmlWriter;

/* Names and values of attributes end with NULL; one whose value is NULL is left out. */
#define XML_ATTRIBUTES __attribute__((sentinel))

int xml_writer_init(XmlWriter *w);                                              /* 0 or -ENOMEM */
void xml_writer_done(XmlWriter *w);
void xml_begin_(XmlWriter *w, const char *name, ...) XML_ATTRIBUTES;            /* <name a="…">, closed by xml_end */
void xml_end(XmlWriter *w);
void xml_empty_(XmlWriter *w, const char *name, ...) XML_ATTRIBUTES;            /* <name a="…"/> */
void xml_text_element_(XmlWriter *w, const char *text, const char *name, ...) XML_ATTRIBUTES; /* <name a="…">text</name> */
#define xml_begin(w, ...) xml_begin_(w, __VA_ARGS__, NULL)
#define xml_empty(w, ...) xml_empty_(w, __VA_ARGS__, NULL)
#define xml_element(w, text, ...) xml_text_element_(w, text, __VA_ARGS__, NULL)
/* Puts in a piece of XML that is known to be well-formed, as it is. */
void xml_raw(XmlWriter *w, const char *piece);
/* The whole text, malloc'ed. 0, or -ENOMEM. All elements must be closed. */
int xml_writer_finish(XmlWriter *w, char **ret);

static inline const char *xml_decimal(char buffer[static 24], int64_t n) {
        (void) snprintf(buffer, 24, "%" PRId64, n);
        return buffer;
}
/* A number as text for the time of the statement's block. */
#define XML_DECIMAL(n) xml_decimal((char[24]){ 0 }, n)
