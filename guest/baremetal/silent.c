/* Says nothing and never ends. */
#include "lib/guest.h"

void guest_main(void) { machine_spin(); }
