"""A SageMaker for one machine: jobs run as processes, endpoints answer, the registry remembers.

server     HTTP: the two SageMaker protocols; what is not ours goes to moto
service    which action is whose
registry, models, endpoints, training, transform, processing
           the actions themselves: requests and documents have the shapes of the AWS API
jobs       what every kind of job has in common: statuses, events, stop, time limit
container  the script-mode container's contract: folders, SM_* variables, arguments
workers, worker_main
           inference code in a process of its own
job_process, supervise
           a job's process group, which never outlives the server
store, events, objects, logs
           what survives, what is told, S3, CloudWatch Logs
"""
