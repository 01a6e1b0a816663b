const char *raw = R"(
#define NOT_A_MACRO 1
#include "not a header"
// "
)";
