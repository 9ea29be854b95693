/* Reading libvirt's XML: what there is by name, without copies. Strings belong to the document. */
#pragma once

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "basic/macros.h"

static inline void xml_doc_freep(xmlDocPtr *doc) {
        if (*doc)
                xmlFreeDoc(*doc);
}

/* No network, no entities, no words on stderr. NULL if it is not XML. */
static inline xmlDocPtr xml_parse(const char *text) {
        return xmlReadMemory(text, (int) strlen(text), "libvirt.xml", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

static inline bool xml_is(const xmlNode *node, const char *name) {
        return node->type == XML_ELEMENT_NODE && streq((const char *) node->name, name);
}

/* The first element @name from @node on, among its siblings. */
static inline const xmlNode *xml_find(const xmlNode *node, const char *name) {
        for (; node; node = node->next)
                if (xml_is(node, name))
                        return node;
        return NULL;
}

/* The first child @name of @node, which may be NULL; and the next one after a child. */
static inline const xmlNode *xml_child(const xmlNode *node, const char *name) {
        return node ? xml_find(node->children, name) : NULL;
}
static inline const xmlNode *xml_next(const xmlNode *node, const char *name) {
        return xml_find(node->next, name);
}

static inline const char *xml_attribute(const xmlNode *node, const char *name) {
        for (const xmlAttr *a = node ? node->properties : NULL; a; a = a->next)
                if (streq((const char *) a->name, name))
                        return a->children ? (const char *) a->children->content : "";
        return NULL;
}

/* The text inside @node; NULL if it is NULL or holds none. */
static inline const char *xml_text(const xmlNode *node) {
        return node && node->children && node->children->type == XML_TEXT_NODE ? (const char *) node->children->content : NULL;
}

/* A number that is the whole of @s; false for NULL and for anything else. */
bool xml_number(const char *s, uint64_t *ret);
