/* The failure in a reply of a peer: oslo's object, the text of one, or Essex's array. */
#include "basic/json.h"
#include "objects/exception.h"
#include "fuzz.h"

static void check_again(const NovaException *e, json_t *(*write)(const NovaException *)) {
        _cleanup_exception_ NovaException again = NOVA_EXCEPTION_NULL;
        json_auto_t *failure = write(e);

        fuzz_check(failure);
        exception_from_wire(&again, failure);
        fuzz_check(streq_ptr(again.message, e->message));
        fuzz_check(again.error == e->error);
}

static void check_failure(const json_t *failure) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        exception_from_wire(&e, failure);
        fuzz_check(exception_is_set(&e) && e.module && e.message);
        fuzz_check(e.error < 0 && e.code >= 100 && e.code <= 599);
        check_again(&e, exception_to_oslo);
        check_again(&e, exception_to_essex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        json_auto_t *value = NULL, *text = json_stringn((const char *) data, size);
        char why[256] = "";

        if (json_parse((const char *) data, size, &value, why, sizeof why) >= 0)
                check_failure(value);
        else
                fuzz_check(fuzz_is_sentence(why, sizeof why));
        if (text)
                check_failure(text);
        return 0;
}
