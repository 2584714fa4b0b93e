// libnl, which speaks rtnetlink(7): links and addresses.
#ifndef CNETLINK_SHIM_H
#define CNETLINK_SHIM_H
#include <linux/if.h>
#include <linux/if_addr.h>
#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>
#endif
