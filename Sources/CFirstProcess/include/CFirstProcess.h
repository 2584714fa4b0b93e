// What the first process of a guest needs before the Swift runtime begins; linking it is all that it takes.
#ifndef CFIRSTPROCESS_H
#define CFIRSTPROCESS_H

// Where the initramfs lists its modules: what makes a first process the one of a guest rather than of a pid namespace.
#define CFP_MODULE_ORDER "/modules/order"

#endif
