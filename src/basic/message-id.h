/* MESSAGE_ID of the journal lines an operator may watch for. Each has an entry in systemd/nova-compute.catalog; a test
 * compares both. New ones: systemd-id128 new. */
#pragma once

#define MESSAGE_SERVICE_STARTED "2a8c83b4d21149818be084b7cb91606a"        /* a service consumes and reports */
#define MESSAGE_SERVICE_STOPPED "e53a1bae0fa2407d85b20cb19abcaebf"
#define MESSAGE_MODEL_LOST "c65017736172416da461cf74b3200f9c"             /* the store does not answer */
#define MESSAGE_MODEL_RECOVERED "e8dddd4459d544c6b55e5decc5ffb010"
#define MESSAGE_BROKER_LOST "7a41a8a6b5c247d795e182ed40a4860c"
#define MESSAGE_BROKER_CONNECTED "a393619d16e64e75be0b43041e5f6751"
#define MESSAGE_HYPERVISOR_LOST "d93630455dda41cf9a55d50198f7311b"
#define MESSAGE_HYPERVISOR_CONNECTED "d2e56ab34f0b4091a674848f615f460d"
#define MESSAGE_CALL_STALLED "1b4c51efaed247018ab61237c02bfe75"           /* an operation overran its deadline */
#define MESSAGE_BAD_MESSAGE "651d315bb2dc4f6693f0b63c4262efdb"            /* a delivery that could not be understood */
#define MESSAGE_DATABASE_CORRUPT "187ce4301f9f4f7093f754019f47eff0"       /* set aside, a new one begun */
#define MESSAGE_CONFIG_INVALID "6a72291c2f484b6fb2ae46fb2a1cdb1d"
#define MESSAGE_RELOADED "db8bf6a440d24f8680003edc17b753a6"
#define MESSAGE_STEP_FAILED "bd43e7a5894f4842af707b1fc2bf1881"            /* a step of the start is retried */
#define MESSAGE_REPLY_UNDELIVERABLE "8692c81673a14dd3b6a6376e358d0766"
#define MESSAGE_PERIODIC_FAILED "d4390e7436ef44a9b10268a0492f9558"
#define MESSAGE_DRIFT_FOUND "de30e28f49a0466f9512e7d237ad8482"            /* store, hypervisor and disk do not say the same */
#define MESSAGE_DRIFT_GONE "21b01efebe464074b7ef5a498a300370"
#define MESSAGE_OPERATION_BEGUN "a841a43e34384e3aab5d543b69763f55"         /* of those that change an instance */
#define MESSAGE_OPERATION_DONE "7fa784cd04dc450ba2c159bc9dc1fcd3"
#define MESSAGE_OPERATION_FAILED "b06f65dd619d42288bbeb343318db7c8"        /* of any kind */
#define MESSAGE_HOST_SHUTDOWN "e4b300e51a534b3f91951e0771a756c3"           /* the machine goes down, or does not after all */
#define MESSAGE_HOST_SHUTDOWN_LATE "750d6b0e79ce4706890b5634e13087c1"
#define MESSAGE_GUEST_SHUTDOWN "b59c30c48d9f487f8bfa9a1c95e385ad"          /* with the host */
#define MESSAGE_BUS_LOST "ca922d3d0ede440cbd4e0019fe7c3833"               /* the system bus, or the name on it */
#define MESSAGE_BUS_CONNECTED "ca834870bddd4a97b44c8033d537a30d"
