/** Help of the tool, by object; its layout is what users of the tool know. */
export const USAGE = `Usage: vdpa [ OPTIONS ] OBJECT { COMMAND | help }
where  OBJECT := { mgmtdev | dev }
       OPTIONS := { -V[ersion] | -n[o-nice-names] | -j[son] | -p[retty] }
`;
export const MGMTDEV_USAGE = 'Usage: vdpa mgmtdev show [ DEV ]\n';
export const DEV_USAGE = `Usage: vdpa dev show [ DEV ]
       vdpa dev add name NAME mgmtdev MANAGEMENTDEV [ mac MACADDR ] [ mtu MTU ]
                                                    [ max_vqp MAX_VQ_PAIRS ]
       vdpa dev del DEV
Usage: vdpa dev config COMMAND [ OPTIONS ]
Usage: vdpa dev vstats COMMAND
`;
export const DEV_CONFIG_USAGE = 'Usage: vdpa dev config show [ DEV ]\n';
export const DEV_VSTATS_USAGE = 'Usage: vdpa dev vstats show DEV [qidx QUEUE_INDEX]\n';
