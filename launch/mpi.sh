# Sourced: lets mpirun start more ranks than cores, and start at all for root (containers, CI), unless the user has said
# otherwise.  Ranks are not bound to a core, and idle ones give their core away.
: "${OMPI_MCA_rmaps_base_oversubscribe:=1}" "${OMPI_MCA_hwloc_base_binding_policy:=none}" "${OMPI_MCA_mpi_yield_when_idle:=1}"
: "${OMPI_MCA_btl_vader_single_copy_mechanism:=none}"
export OMPI_MCA_rmaps_base_oversubscribe OMPI_MCA_hwloc_base_binding_policy OMPI_MCA_mpi_yield_when_idle OMPI_MCA_btl_vader_single_copy_mechanism
if [ "$(id -u)" -eq 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
